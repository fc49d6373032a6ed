"""Which artefacts the evaluations are made from, and of which splits: what a run has made."""

from dataclasses import dataclass, field

from motionfit.config import Config, Evaluation, Size

Splits = dict[str, set[int]]


@dataclass(frozen=True)
class Lineage:
    """What the evaluations of a config need. An artefact that none of them needs is not made."""

    motion_models: Splits = field(default_factory=dict)
    pseudo_labels: Splits = field(default_factory=dict)
    appearance_models: Splits = field(default_factory=dict)
    """Without those of random or pre-trained weights, which have no training."""
    frames: dict[tuple[str, Size], None] = field(default_factory=dict)
    """(data set, size), in the order in which they are met."""
    flow: dict[tuple[str, str], None] = field(default_factory=dict)
    """(data set, flow recipe), in the order in which they are met."""

    @property
    def datasets(self) -> list[str]:
        return list(dict.fromkeys(dataset for dataset, _ in self.frames))


def lineage(config: Config) -> Lineage:
    """Follows the evaluations back to the data sets."""
    needed = Lineage()
    for evaluation in config.evaluations.values():
        need_clips(config, needed, evaluation.model, evaluation.dataset)
        for split in evaluation.splits:
            need_model(config, needed, evaluation, evaluation.model, split)
        if evaluation.fine_tuning and (mars := evaluation.fine_tuning.mars):
            need_clips(config, needed, mars.motion_model, evaluation.dataset)
            for split in evaluation.splits:
                need_model(config, needed, evaluation, mars.motion_model, split)
    return needed


def need_clips(config: Config, needed: Lineage, model: str, dataset: str) -> None:
    """What a model reads of a data set: frames, or flow, which is computed from frames."""
    needed.frames[dataset, config.size_of(model)] = None
    if (flow := config.flow_of(model)) is not None:
        needed.flow[dataset, flow] = None


def need_model(
    config: Config, needed: Lineage, evaluation: Evaluation, model: str, split: int
) -> None:
    """What a model of an evaluation is made from, where `split` is evaluated."""
    motion_model = config.motion_model_of(model)
    if motion_model is None:
        return
    split = config.model_split(evaluation, motion_model, split)
    needed.motion_models.setdefault(motion_model, set()).add(split)
    need_clips(config, needed, motion_model, config.motion_models[motion_model].dataset)
    if model in config.appearance_models and (source := config.source_of(model)):
        needed.appearance_models.setdefault(model, set()).add(split)
        need_clips(config, needed, motion_model, source)
        need_clips(config, needed, model, source)
        if (labels := config.appearance_models[model].pseudo_labels) is not None:
            needed.pseudo_labels.setdefault(labels, set()).add(split)
