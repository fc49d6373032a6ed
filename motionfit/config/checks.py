"""Checks of recipes against each other, so that a config that can't work fails before the run.

Each function raises ValueError with the key, what is wrong and what to do. They run in the order of
`CHECKS`, and later ones rely on earlier ones: names exist before anything is looked up by them.
"""

import keyword
import re
from collections.abc import Iterator

from motionfit.config.artefacts import Artefacts
from motionfit.config.backbones import BACKBONES
from motionfit.config.models import TEACHING, AppearanceModel
from motionfit.config.references import KINDS, check_references
from motionfit.config.table_checks import check_figures, check_tables
from motionfit.config.training import Training

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
LEARNED_BY = ("pseudo_labels", *(method.key for method in TEACHING))
"""Keys of an appearance model, of which one at most is given."""
TARGET = re.compile(r"[A-Za-z]\w*", re.ASCII)


def check_names(config: Artefacts) -> None:
    """Names become folders; those of tables and figures become targets."""
    for section in KINDS:
        for name in getattr(config, section):
            if not NAME.fullmatch(name):
                raise ValueError(
                    f"{section}.{name}: a name becomes a folder, so it may contain letters, "
                    "digits, '_', '-' and '.', and starts with a letter or digit"
                )
    for name in config.motion_models.keys() & config.appearance_models.keys():
        raise ValueError(
            f"motion_models.{name} and appearance_models.{name} have the same name: rename one"
        )
    for name in (*config.tables, *config.figures):
        if not TARGET.fullmatch(name) or keyword.iskeyword(name):
            raise ValueError(
                f"tables or figures, {name}: the name is a target of Snakemake, so it may contain "
                "letters, digits and '_', starts with a letter and is no keyword of Python"
            )
    for name in config.tables.keys() & config.figures.keys():
        raise ValueError(f"tables.{name} and figures.{name} have the same name: rename one")


def check_pseudo_labels(config: Artefacts) -> None:
    """Pseudo-labels need a source that can give the videos they ask for."""
    for name, labels in config.pseudo_labels.items():
        here, motion = f"pseudo_labels.{name}", config.motion_models[labels.motion_model]
        if labels.exclude_classes and not config.datasets[labels.dataset].has_labels:
            raise ValueError(f"{here}.exclude_classes: the source has no labels")
        if labels.videos == "unlabelled" and motion.dataset != labels.dataset:
            raise ValueError(
                f"{here}.videos: `unlabelled` leaves out the videos that the motion model learned "
                f"from, but those are of another data set ({motion.dataset}): use `train`"
            )


def check_appearance_models(config: Artefacts) -> None:
    """Appearance models learn from pseudo-labels or a teacher, with options that fit."""
    for name, model in config.appearance_models.items():
        here = f"appearance_models.{name}"
        ways = [key for key in LEARNED_BY if getattr(model, key) is not None]
        if len(ways) > 1:
            raise ValueError(f"{here}: give {' or '.join(ways)}, not both")
        if teaching := model.teaching:
            _check_teacher(config, f"{here}.{teaching.key}", teaching.motion_model, model)
            if model.training.multi_clip_weight < 1:
                raise ValueError(
                    f"{here}.training.multi_clip_weight: {teaching.title} has one loss and no clip "
                    "order: set it to 1"
                )
            if model.training.label_smoothing:
                raise ValueError(
                    f"{here}.training.label_smoothing: {teaching.title} learns no labels: set it "
                    "to 0"
                )
        if model.pseudo_labels is None:
            none = f"{teaching.title} has no" if teaching else "there are no"
            for key in ("balanced", "neighbours"):
                if getattr(model.training, key):
                    raise ValueError(f"{here}.training.{key}: {none} pseudo-labels")
        elif (
            model.training.neighbours
            and config.pseudo_labels[model.pseudo_labels].granularity == "video"
        ):
            raise ValueError(
                f"{here}.training.neighbours: each video has one pseudo-label, which has no "
                "neighbours"
            )


def check_mars(config: Artefacts) -> None:
    """MARS needs a network on RGB and a motion model that can teach it."""
    for name, evaluation in config.evaluations.items():
        if evaluation.fine_tuning and (mars := evaluation.fine_tuning.mars):
            here = f"evaluations.{name}.fine_tuning.mars"
            if evaluation.model in config.motion_models:
                raise ValueError(
                    f"{here}: the network that learns has to be an appearance model, and "
                    f"{evaluation.model!r} is a motion model"
                )
            student = config.appearance_models[evaluation.model]
            _check_teacher(config, here, mars.motion_model, student)


def _check_teacher(config: Artefacts, key: str, teacher: str, student: AppearanceModel) -> None:
    """Whether a motion model can teach its features to a network by MERS or MARS."""
    motion, backbone = config.motion_models[teacher], student.network.backbone
    if motion.flow is None:
        raise ValueError(
            f"{key}: the motion model {teacher!r} can't teach, since it is not on flow "
            f"(motion_models.{teacher}.flow is null)"
        )
    features = BACKBONES[backbone].features
    teacher_features = BACKBONES[motion.network.backbone].features
    if features != teacher_features:
        raise ValueError(
            f"{key}: {backbone} has {features} features and can't learn the {teacher_features} "
            f"features of {motion.network.backbone}"
        )
    if config.flow[motion.flow].size != student.frame_size:
        raise ValueError(
            f"{key}: frames and flow are cropped alike, so frame_size has to be the size of the "
            f"flow {motion.flow!r}"
        )


def check_labels(config: Artefacts) -> None:
    """What is trained or tested with labels needs a data set that has them, and the split."""
    for name, motion in config.motion_models.items():
        split = 1 if motion.motion_split == "target" else motion.motion_split
        _check_data_set(config, f"motion_models.{name}", motion.dataset, split, test=False)
    for name, evaluation in config.evaluations.items():
        here = f"evaluations.{name}"
        for split in evaluation.splits:
            _check_data_set(config, f"{here}.splits", evaluation.dataset, split, test=True)
            for motion_model in config.motion_models_of(evaluation):
                dataset = config.motion_models[motion_model].dataset
                _check_model_split(config, name, motion_model)
                behind = config.model_split(evaluation, motion_model, split)
                _check_data_set(config, f"{here}.model_split", dataset, behind, test=False)
        if evaluation.labelled_part and not evaluation.fine_tuning:
            raise ValueError(
                f"{here}.labelled_part: without fine-tuning no labels are used: remove it"
            )
        if not evaluation.labelled_part and len(config.parts_behind(evaluation)) > 1:
            raise ValueError(
                f"{here}.labelled_part: the motion models behind this evaluation learned from "
                "different parts of the labels: name the part that fine-tuning uses"
            )


def _check_data_set(config: Artefacts, key: str, dataset: str, split: int, test: bool) -> None:
    recipe = config.datasets[dataset]
    if split > recipe.splits:
        raise ValueError(
            f"{key}: the data set {dataset!r} has no split {split} (it has {recipe.splits})"
        )
    if reason := recipe.lacking(test):
        raise ValueError(f"{key}: the data set {dataset!r} can't be used here: {reason}")


def _check_model_split(config: Artefacts, evaluation: str, motion_model: str) -> None:
    of_evaluation = config.evaluations[evaluation].model_split
    of_model = config.motion_models[motion_model].motion_split
    if "target" not in (of_evaluation, of_model) and of_evaluation != of_model:
        raise ValueError(
            f"evaluations.{evaluation}.model_split is {of_evaluation}, but "
            f"motion_models.{motion_model}.motion_split gives a model of split {of_model} only: "
            "remove one of the two"
        )


def check_weights(config: Artefacts) -> None:
    """Weight files are for networks on RGB."""
    for name, motion in config.motion_models.items():
        if motion.flow is not None and motion.network.weights:
            raise ValueError(
                f"motion_models.{name}.network.weights: torchvision's weights are for RGB, and "
                "this network is on flow: remove them"
            )


def check_crops(config: Artefacts) -> None:
    """Crops fit into the stored frames."""
    for here, _, model, recipe in _trainings(config):
        size = config.size_of(model)
        if recipe.crop > min(size):
            raise ValueError(
                f"{here}: a crop of {recipe.crop} does not fit into frames of {size[0]}x{size[1]} "
                "pixels"
            )


def check_augmentation(config: Artefacts) -> None:
    """Flow has no colours."""
    for here, key, model, recipe in _trainings(config):
        if config.flow_of(model) and recipe.augmentation.changes_colours:
            raise ValueError(
                f"{here}.{key}.augmentation: this network is on flow, which has no colours: use "
                "zoom only"
            )


def _trainings(config: Artefacts) -> Iterator[tuple[str, str, str, Training]]:
    """Yields where each training stands, its key there, the name of its model, and its recipe."""
    for section in ("motion_models", "appearance_models"):
        for name, model in getattr(config, section).items():
            yield f"{section}.{name}", "training", name, model.training
    for name, evaluation in config.evaluations.items():
        if evaluation.fine_tuning:
            here = f"evaluations.{name}"
            yield here, "fine_tuning", evaluation.model, evaluation.fine_tuning


def check_comparisons(config: Artefacts) -> None:
    """Compared evaluations classify the same test videos."""
    for pair in config.comparisons:
        for name in pair:
            if name not in config.evaluations:
                raise ValueError(f"comparisons: there is no evaluation named {name!r}")
        first, second = (config.evaluations[name] for name in pair)
        if pair[0] == pair[1]:
            raise ValueError(f"comparisons: {pair[0]} is compared with itself")
        if (first.dataset, first.splits) != (second.dataset, second.splits):
            raise ValueError(
                f"comparisons: {pair[0]} and {pair[1]} have different test videos: give both the "
                "same dataset and splits"
            )
        if not all("recognition" in recipe.measures for recipe in (first, second)):
            raise ValueError(
                f"comparisons: {pair[0]} and {pair[1]} are compared by recognition, which one of "
                "them does not measure"
            )


def check_fine_tuning(config: Artefacts) -> None:
    """Without fine-tuning, a model has to know the target's classes."""
    for name, evaluation in config.evaluations.items():
        if evaluation.fine_tuning or "recognition" not in evaluation.measures:
            continue
        here = f"evaluations.{name}.fine_tuning"
        if evaluation.model not in config.motion_models:
            raise ValueError(
                f"{here}: an appearance model does not know the target's classes, so it needs "
                "fine-tuning"
            )
        if config.motion_models[evaluation.model].training.multi_clip_weight == 0:
            raise ValueError(
                f"{here}: the motion model {evaluation.model!r} learns no labels "
                "(multi_clip_weight 0), so it needs fine-tuning"
            )


CHECKS = (
    check_names,
    check_references,
    check_figures,
    check_tables,
    check_pseudo_labels,
    check_appearance_models,
    check_mars,
    check_labels,
    check_weights,
    check_crops,
    check_augmentation,
    check_fine_tuning,
    check_comparisons,
)
