"""Finds mistakes of a config that the index of a data set reveals, before any frame is decoded.

The stages would find them too, but one after another, and some only after days.
"""

import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from motionfit.config import (
    Config,
    DatasetRecipe,
    Folders,
    LabelledPart,
    MotionModel,
    PseudoLabels,
    Training,
)
from motionfit.datasets.files import few
from motionfit.datasets.index import hold_out, labelled_train, source_videos, split_column
from motionfit.errors import MotionFitError
from motionfit.estimate.graph import Needed, needed
from motionfit.pseudo_labels.clips import dense_starts
from motionfit.pseudo_labels.videos import chosen_videos
from motionfit.seeds import with_seeds
from motionfit.store.video import UnreadableVideoError, announced_frames

TOLERANCE = 1.05
"""Largest ratio of a video's real length to the length in its header."""
UNKNOWN = 10**6
"""Assumed number of frames of a video whose header has none, enough for any purpose."""

PATIENCE = 20
"""Number of videos to try if none of them can be opened."""

LengthOf = Callable[[str], int]
"""Maps the path of a video to its number of stored frames."""


@dataclass(frozen=True)
class Findings:
    """Problems and warnings about a data set, in the order of the stages."""

    problems: list[str]
    """Problems make a stage fail."""
    warnings: list[str]


def check_data_set(config: Config, dataset: str, index: pd.DataFrame) -> Findings:
    """Checks a data set for all artefacts of a config that use it.

    The headers of videos are read until the answer is certain. For most data sets, this takes one
    video.
    """
    artefacts = needed(config)
    config = with_seeds(config)
    fps = config.datasets[dataset].fps

    @cache
    def length_of(path: str) -> int:
        return stored_frames(Path(path), fps)

    problems = [
        *split_problems(config, artefacts, dataset, index),
        *training_problems(config, artefacts, dataset, index),
        *source_problems(config, artefacts, dataset, index, length_of),
        *length_problems(config, artefacts, dataset, index, length_of),
    ]
    warnings = [
        *untested_classes(config, artefacts, dataset, index),
        *unused_labels(config, artefacts, dataset, index),
    ]
    return Findings(list(dict.fromkeys(problems)), list(dict.fromkeys(warnings)))


def message(dataset: str, problems: list[str]) -> str:
    """One message about all problems of a data set."""
    return f"the data set {dataset!r} does not fit this config:\n  " + "\n  ".join(problems)


# -------------------------------------------------------------------------- splits and classes


@dataclass(frozen=True)
class Use:
    """An artefact that is trained or evaluated with the labels of a split."""

    name: str
    """Key in the config, such as motion_models.NAME."""
    split: int
    tested: bool
    """Whether the artefact uses the test videos."""


def uses(config: Config, artefacts: Needed, dataset: str) -> list[Use]:
    """All uses of the labels of a data set."""
    measured = artefacts.recognition | artefacts.retrieval
    return [
        Use(f"motion_models.{name}", split, tested=False)
        for name, split in sorted(artefacts.motion_models)
        if config.motion_models[name].dataset == dataset
    ] + [
        Use(f"evaluations.{name}", split, tested=True)
        for name, split in sorted(measured)
        if config.evaluations[name].dataset == dataset
    ]


def split_problems(
    config: Config, artefacts: Needed, dataset: str, index: pd.DataFrame
) -> Iterator[str]:
    """Finds splits without training or test videos, and classes without training videos."""
    for split, users in users_of_splits(config, artefacts, dataset).items():
        tested = [use.name for use in users if use.tested]
        names = few([use.name for use in users])
        if split_column(split) not in index.columns:
            known = [name for name in index.columns if name.startswith("split")]
            yield f"there is no split {split}, only {', '.join(known) or 'none'}; needed by {names}"
            continue
        train, test = parts(index, split)
        if train.empty:
            yield (
                f"split {split} has no training videos: {cure(config.datasets[dataset], 'train')} "
                f"(needed by {names})"
            )
        elif train["label"].nunique() == 1:
            yield (
                f"all training videos of split {split} are of one class, "
                f"{train['label'].iloc[0]!r}: add videos of another class (needed by {names})"
            )
        if tested and test.empty:
            yield (
                f"split {split} has no test videos: {cure(config.datasets[dataset], 'test')} "
                f"(needed by {few(tested)})"
            )
        untrained = sorted(set(test["label"]) - set(train["label"]))
        if tested and untrained and not train.empty:
            yield (
                f"split {split} has test videos but no training video of the class(es) "
                f"{few(untrained, 10)}: add training videos, or leave out these classes"
            )


def untested_classes(
    config: Config, artefacts: Needed, dataset: str, index: pd.DataFrame
) -> Iterator[str]:
    """Finds classes without test videos in a split. No stage fails because of them."""
    for split, users in users_of_splits(config, artefacts, dataset).items():
        if split_column(split) not in index.columns or not any(use.tested for use in users):
            continue
        train, test = parts(index, split)
        untested = sorted(set(train["label"]) - set(test["label"]))
        if untested and not test.empty:
            yield (
                f"split {split} has no test video of the class(es) {few(untested, 10)}: the "
                "accuracy does not include them"
            )


def unused_labels(
    config: Config, artefacts: Needed, dataset: str, index: pd.DataFrame
) -> Iterator[str]:
    """Finds labelled videos of the user's folders that are in neither part of a split. (Official
    splits may leave out videos on purpose.)"""
    if not isinstance(config.datasets[dataset], Folders):
        return
    for split in users_of_splits(config, artefacts, dataset):
        if split_column(split) in index.columns:
            count = int(((index["label"] != "") & (index[split_column(split)] == "")).sum())
            if count:
                yield (
                    f"labelled videos in neither part of split {split}: {count}; their labels are "
                    "not used: to use them, write train or test in the column split of "
                    f"{config.datasets[dataset].labels}"
                )


def users_of_splits(config: Config, artefacts: Needed, dataset: str) -> dict[int, list[Use]]:
    """The splits of a data set, mapped to all uses of their labels."""
    users: dict[int, list[Use]] = defaultdict(list)
    for use in sorted(uses(config, artefacts, dataset), key=lambda use: use.split):
        users[use.split].append(use)
    return users


def parts(index: pd.DataFrame, split: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The labelled training and test videos of a split."""
    rows = index[index["label"] != ""]
    column = rows[split_column(split)]
    return rows[column == "train"], rows[column == "test"]


def cure(recipe: DatasetRecipe, part: str) -> str:
    """Advice for a split without videos in a part, `train` or `test`."""
    if not isinstance(recipe, Folders):
        return f"its lists or annotations must name {part} videos that are in its folder"
    if recipe.test_groups:
        return "check test_groups: these groups are the test set, and all others the training set"
    if recipe.labels:
        return (
            f"give some rows of {recipe.labels} the split {part}, or remove the column: then "
            "groups are drawn for the test set (test_fraction), and each class needs two groups"
        )
    return (
        "groups are drawn for the test set (test_fraction), but each class keeps one for training: "
        "give every class two or more recordings, or raise test_fraction"
    )


# ------------------------------------------------------------------------------ validation sets


def training_problems(
    config: Config, artefacts: Needed, dataset: str, index: pd.DataFrame
) -> Iterator[str]:
    """Finds trainings that should keep the best epoch but have no validation videos."""
    for name, split in sorted(artefacts.motion_models):
        recipe = config.motion_models[name]
        if recipe.dataset == dataset:
            yield from best_problems(
                f"motion_models.{name}", recipe.training, index, split, config.labels_of(name)
            )
    for name, split in sorted(artefacts.fine_tuning):
        recipe = config.evaluations[name]
        if recipe.dataset == dataset:
            labels = config.labels_of_evaluation(recipe)
            yield from best_problems(
                f"evaluations.{name}", recipe.fine_tuning, index, split, labels
            )


def best_problems(
    name: str, training: Training, index: pd.DataFrame, split: int, labels: LabelledPart
) -> Iterator[str]:
    if training.keep != "best":
        return
    try:
        rows = labelled_train(index, split, labels)
    except MotionFitError:  # a problem of the split, which `split_problems` reports
        return
    _, validation = hold_out(
        rows, training.validation_fraction, training.seed, True, training.validation_unit
    )
    if validation.empty:
        yield (
            f"{name}: keep is best, but none of the {len(rows)} training videos of split {split} "
            "can be held out to find the best epoch: raise validation_fraction, or set "
            "validation_unit: video or keep: last"
        )


# --------------------------------------------------------------------------- sources and lengths


def source_problems(
    config: Config, artefacts: Needed, dataset: str, index: pd.DataFrame, length_of: LengthOf
) -> Iterator[str]:
    """Finds clusterings without videos, or with more clusters than features."""
    for name, split in sorted(artefacts.pseudo_labels):
        recipe = config.pseudo_labels[name]
        if recipe.dataset != dataset:
            continue
        try:
            rows = chosen_videos(recipe, index, split, config.labels_of(recipe.motion_model))
        except MotionFitError as error:
            yield f"pseudo_labels.{name}: {error}"
            continue
        motion_model = config.motion_models[recipe.motion_model]
        total, left = 0, len(rows)  # each of the remaining videos gives at least one
        for frames in frames_of(list(rows["path"]), length_of):
            total += most_units(frames, recipe, motion_model)
            left -= 1
            if total + left >= recipe.clusters:
                break
        if total + left < recipe.clusters:
            unit = recipe.granularity.split("_")[0]
            yield (
                f"pseudo_labels.{name}: clusters is {recipe.clusters}, but the {len(rows)} videos "
                f"of the source give at most {total} {unit}s, by the lengths in their headers: "
                "use fewer clusters, a larger source or a smaller features.stride"
            )


def most_units(frames: int, recipe: PseudoLabels, motion_model: MotionModel) -> int:
    """Largest number of clips, segments or videos to cluster that a video of `frames` frames can
    give."""
    if not frames:
        return 0
    if recipe.granularity == "video":
        return 1
    length, stride = motion_model.features_clip_length, motion_model.features.stride
    clips = len(dense_starts(math.ceil(frames * TOLERANCE), length, stride))
    return min(clips, recipe.segments) if recipe.granularity == "segment_equal" else clips


def length_problems(
    config: Config, artefacts: Needed, dataset: str, index: pd.DataFrame, length_of: LengthOf
) -> Iterator[str]:
    """Finds clips that are longer than all videos that they are taken from."""
    names: dict[str, list[str]] = defaultdict(list)
    fps = config.datasets[dataset].fps
    rate = f" at {fps:g} frames per second" if fps else ""
    for name, clip_length, rows in clips_taken(config, artefacts, dataset, index):
        longest = 0
        for frames in frames_of(list(rows["path"]), length_of):
            longest = max(longest, frames)
            if math.ceil(longest * TOLERANCE) >= clip_length:
                break
        if len(rows) and math.ceil(longest * TOLERANCE) < clip_length:
            names[
                f"clip_length is {clip_length}, but the longest of its {len(rows)} videos has "
                f"{longest} frames{rate}, by its header: use a smaller clip_length"
                f"{' or a larger fps' if fps else ''}"
            ].append(name)
    for text, of_text in names.items():
        yield f"{few(list(dict.fromkeys(of_text)))}: {text}"


def frames_of(paths: list[str], length_of: LengthOf) -> Iterator[int]:
    """Yields the number of frames of each video. If none of the first PATIENCE videos can be
    opened, the lengths are unknown, and the last of these counts as long enough for any purpose."""
    opened = False
    for count, path in enumerate(paths, start=1):
        frames = length_of(path)
        opened = opened or frames > 0
        yield UNKNOWN if not opened and count in (PATIENCE, len(paths)) else frames


def clips_taken(
    config: Config, artefacts: Needed, dataset: str, index: pd.DataFrame
) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Yields the key of each artefact that takes clips, their number of frames, and the rows of the
    videos that they are taken from."""
    for use in uses(config, artefacts, dataset):
        section, _, name = use.name.partition(".")
        if split_column(use.split) not in index.columns:
            continue
        column = index[split_column(use.split)]
        if section == "motion_models":
            length = config.motion_models[name].network.clip_length
            yield f"{use.name}.network", length, index[column == "train"]
        else:
            length = config.evaluations[name].clip_length
            yield use.name, length, index[column == "test"]
            yield use.name, length, index[column == "train"]
    for name, split in sorted(artefacts.appearance_models | artefacts.mers_models):
        if config.source_of(name) == dataset:
            recipe = config.appearance_models[name]
            key, length = f"appearance_models.{name}.network", recipe.network.clip_length
            yield key, length, source_videos(index, split, learned_videos(config, name))


def learned_videos(config: Config, appearance_model: str) -> str:
    """The videos of its source that an appearance model learns from, `train` or `all`."""
    recipe = config.appearance_models[appearance_model]
    source = recipe.mers or config.pseudo_labels[recipe.pseudo_labels]
    return "all" if source.videos == "all" else "train"


def stored_frames(path: Path, fps: float | None) -> int:
    """Number of frames of a video that will be stored, by its header, or 0 if the file can't be
    opened."""
    try:
        return announced_frames(path, fps) or UNKNOWN
    except UnreadableVideoError:
        return 0


# ------------------------------------------------------------------------------ missing videos


def refuse_vanished(folder: Path, before: pd.DataFrame | None, index: pd.DataFrame) -> None:
    """Raises MotionFitError if videos of the earlier index `before` are missing and their folder is
    empty or a dangling link, since a part of the data set may be on a disk that is not mounted. A
    data set whose folder, or some videos of a folder, were removed has become smaller."""
    if before is None:
        return
    missing = before[~before["video"].isin(index["video"])]
    for name in dict.fromkeys(os.path.dirname(video) for video in missing["video"]):  # noqa: PTH120
        nearest = folder / name
        while not os.path.lexists(nearest):
            nearest = nearest.parent
        empty = nearest.is_dir() and not any(nearest.iterdir())
        if nearest != folder and (empty or (nearest.is_symlink() and not nearest.exists())):
            count = int((missing["path"].str.startswith(f"{nearest}/")).sum())
            raise MotionFitError(
                f"videos: {count} videos below {nearest} are missing, and it is "
                f"{'an empty folder' if empty else 'a link to a missing folder'}: mount its disk, "
                "or remove it to leave out the videos, and run again"
            )
