"""Which artefacts the evaluations are made from, and of which splits: what a run has made."""

from dataclasses import dataclass, field

from motionfit.config import Config, Size

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
            need_model(config, needed, evaluation.model, split)
    return needed


def need_clips(config: Config, needed: Lineage, model: str, dataset: str) -> None:
    """What a model reads of a data set."""
    if model in config.motion_models:
        need_flow(config, needed, config.motion_models[model].flow, dataset)
    else:
        needed.frames[dataset, config.appearance_models[model].frame_size] = None


def need_flow(config: Config, needed: Lineage, flow: str, dataset: str) -> None:
    needed.frames[dataset, config.flow[flow].size] = None
    needed.flow[dataset, flow] = None


def need_model(config: Config, needed: Lineage, model: str, split: int) -> None:
    """What the model is made from whose evaluation is on `split`."""
    motion_model = config.motion_model_of(model)
    if motion_model is None:
        return
    recipe = config.motion_models[motion_model]
    split = config.model_split(motion_model, split)
    needed.motion_models.setdefault(motion_model, set()).add(split)
    need_flow(config, needed, recipe.flow, recipe.dataset)
    if model in config.appearance_models:
        pseudo_labels = config.appearance_models[model].pseudo_labels
        source = config.pseudo_labels[pseudo_labels].dataset
        needed.pseudo_labels.setdefault(pseudo_labels, set()).add(split)
        needed.appearance_models.setdefault(model, set()).add(split)
        need_flow(config, needed, recipe.flow, source)
        need_clips(config, needed, model, source)
