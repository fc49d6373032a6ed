"""Which artefacts the targets of a config are made from: the jobs of a run, by stage.

The same look-ups as in `rules/common.smk`, but of what is needed, not of what is made from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from motionfit.config import Config, Size
from motionfit.seeds import with_seeds

Of = tuple[str, int]
"""Name and split of what is made once a split."""


@dataclass
class Needed:
    """Artefacts by stage; in each set nothing comes twice, whoever needs it."""

    datasets: set[str] = field(default_factory=set)
    frames: set[tuple[str, Size]] = field(default_factory=set)
    """Data set and frame size."""
    flow: set[tuple[str, str]] = field(default_factory=set)
    """Data set and flow."""
    motion_models: set[Of] = field(default_factory=set)
    features: set[tuple[str, int, str]] = field(default_factory=set)
    """Motion model, split and data set."""
    pseudo_labels: set[Of] = field(default_factory=set)
    appearance_models: set[Of] = field(default_factory=set)
    """Those that learn pseudo-labels."""
    mers_models: set[Of] = field(default_factory=set)
    random_models: set[Of] = field(default_factory=set)
    fine_tuning: set[Of] = field(default_factory=set)
    """Evaluation and split, and so below."""
    recognition: set[Of] = field(default_factory=set)
    retrieval: set[Of] = field(default_factory=set)
    metrics: set[str] = field(default_factory=set)
    """Evaluations whose splits are joined."""


def needed(config: Config, targets: Sequence[str] = ()) -> Needed:
    """What tables and figures of a config, as it is written, are made from; without any, what all
    of them and all evaluations are, as the report shows them."""
    found, seeded = Needed(), with_seeds(config)
    for name in () if targets else config.evaluations:
        _add_metrics(config, found, name)
    for target, table in seeded.tables.items():
        if targets and target not in targets:
            continue
        for name, measure in table.measurements_of_seeds:
            if table.splits is None:
                _add_metrics(seeded, found, name)
            for split in table.splits or ():
                _add_evaluation(seeded, found, name, split, (measure.split(" ")[0],))
    for target, figure in config.figures.items():
        if targets and target not in targets:
            continue
        evaluation = config.evaluations[figure.evaluation]
        _add_evaluation(config, found, figure.evaluation, evaluation.splits[0], ("retrieval",))
        _add_frames(found, evaluation.dataset, config.size_of(evaluation.model))
    return found


def _add_metrics(config: Config, found: Needed, name: str) -> None:
    found.metrics.add(name)
    evaluation = config.evaluations[name]
    for split in evaluation.splits:
        _add_evaluation(config, found, name, split, evaluation.measures)


def _add_evaluation(
    config: Config, found: Needed, name: str, split: int, measures: Sequence[str]
) -> None:
    evaluation = config.evaluations[name]
    _add_clips(config, found, evaluation.dataset, evaluation.model)
    behind = config.model_split(evaluation, evaluation.model, split)
    _add_model(config, found, evaluation.model, behind)
    if "retrieval" in measures:
        found.retrieval.add((name, split))
    if "recognition" not in measures:
        return
    found.recognition.add((name, split))
    if evaluation.fine_tuning:
        found.fine_tuning.add((name, split))
        if mars := evaluation.fine_tuning.mars:
            _add_clips(config, found, evaluation.dataset, mars.motion_model)
            teacher_split = config.model_split(evaluation, mars.motion_model, split)
            _add_model(config, found, mars.motion_model, teacher_split)


def _add_model(config: Config, found: Needed, name: str, split: int) -> None:
    """A motion or appearance model of a split, and all that is before it."""
    if name in config.motion_models:
        found.motion_models.add((name, split))
        _add_clips(config, found, config.motion_models[name].dataset, name)
        return
    model = config.appearance_models[name]
    if model.mers:
        found.mers_models.add((name, split))
        _add_clips(config, found, model.mers.dataset, name)
        _add_clips(config, found, model.mers.dataset, model.mers.motion_model)
        _add_model(config, found, model.mers.motion_model, split)
    elif model.pseudo_labels:
        found.appearance_models.add((name, split))
        labels = config.pseudo_labels[model.pseudo_labels]
        _add_clips(config, found, labels.dataset, name)
        found.pseudo_labels.add((model.pseudo_labels, split))
        found.features.add((labels.motion_model, split, labels.dataset))
        _add_clips(config, found, labels.dataset, labels.motion_model)
        _add_model(config, found, labels.motion_model, split)
    else:
        found.random_models.add((name, split))


def _add_clips(config: Config, found: Needed, dataset: str, model: str) -> None:
    """What a model reads of a data set: its frames, and their flow where it is on flow."""
    _add_frames(found, dataset, config.size_of(model))
    if flow := config.flow_of(model):
        found.flow.add((dataset, flow))


def _add_frames(found: Needed, dataset: str, size: Size) -> None:
    found.datasets.add(dataset)
    found.frames.add((dataset, size))
