"""Checks a config against the index of a data set, before any frame is decoded.

The stages would find the same mistakes, but one after another, and some after days.
"""

import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from motionfit.clips.sampling import dense_starts
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
from motionfit.graph import Needed, needed_by_run
from motionfit.pseudo_labels.videos import chosen_videos
from motionfit.seeds import with_seeds
from motionfit.store.video import UnreadableVideoError, announced_frames

TOLERANCE = 1.05
"""A video may be longer than its header says by this factor."""
UNKNOWN = 10**6
"""Assumed number of frames of a video whose header does not give it: enough for every check."""

PATIENCE = 20
"""Number of videos that are tried if none of them can be opened."""

LengthOf = Callable[[str], int]
"""Returns the number of stored frames of the video at a path."""


@dataclass(frozen=True)
class Findings:
    """What the checks of a data set found, in order."""

    problems: list[str]
    """Mistakes that make a stage fail."""
    warnings: list[str]
    """Oddities that no stage fails for."""


def check_data_set(config: Config, dataset: str, index: pd.DataFrame) -> Findings:
    """Checks a data set for all artefacts of a config that use it.

    Only as many headers of videos are read as the checks need. For most data sets it is one.
    """
    artefacts = needed_by_run(config)
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
        *divided_groups(config, artefacts, dataset, index),
    ]
    return Findings(list(dict.fromkeys(problems)), list(dict.fromkeys(warnings)))


def message(dataset: str, problems: list[str]) -> str:
    """One message for all problems of a data set."""
    return f"the data set {dataset!r} does not fit this config:\n  " + "\n  ".join(problems)


# -------------------------------------------------------------------------- splits and classes


@dataclass(frozen=True)
class Use:
    """An artefact that learns from the labels of a split, or is evaluated with them."""

    name: str
    """Its key in the config: motion_models.NAME or evaluations.NAME."""
    split: int
    tested: bool
    """Whether it uses the test videos."""


def uses(config: Config, artefacts: Needed, dataset: str) -> list[Use]:
    """All uses of the labels of a data set."""
    evaluated = artefacts.of("recognition", "retrieval")
    return [
        Use(f"motion_models.{name}", split, tested=False)
        for name, split in sorted(artefacts.of("motion_model"))
        if config.motion_models[name].dataset == dataset
    ] + [
        Use(f"evaluations.{name}", split, tested=True)
        for name, split in sorted(set(evaluated))
        if config.evaluations[name].dataset == dataset
    ]


def split_problems(
    config: Config, artefacts: Needed, dataset: str, index: pd.DataFrame
) -> Iterator[str]:
    """Missing splits, splits without training or test videos or with a single class, and classes
    that have test videos but no training videos."""
    for split, users in users_of_splits(config, artefacts, dataset).items():
        tested = [use.name for use in users if use.tested]
        names = few([use.name for use in users])
        if split_column(split) not in index.columns:
            have = [name for name in index.columns if name.startswith("split")]
            yield (
                f"there is no split {split} (the data set has: {', '.join(have) or 'none'}); "
                f"needed by {names}"
            )
            continue
        train, test = parts(index, split)
        if train.empty:
            yield (
                f"split {split} has no training videos: "
                f"{advice(config.datasets[dataset], 'train')} (needed by {names})"
            )
        elif train["label"].nunique() == 1:
            yield (
                f"all training videos of split {split} are of one class, "
                f"{train['label'].iloc[0]!r}: add videos of another class (needed by {names})"
            )
        if tested and test.empty:
            yield (
                f"split {split} has no test videos: {advice(config.datasets[dataset], 'test')} "
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
    """Classes that have training videos in a split but no test videos."""
    for split, users in users_of_splits(config, artefacts, dataset).items():
        if split_column(split) not in index.columns or not any(use.tested for use in users):
            continue
        train, test = parts(index, split)
        untested = sorted(set(train["label"]) - set(test["label"]))
        if untested and not test.empty:
            yield (
                f"split {split} has no test video of the class(es) {few(untested, 10)}: the "
                "evaluations do not show how well they are recognised"
            )


def divided_groups(
    config: Config, artefacts: Needed, dataset: str, index: pd.DataFrame
) -> Iterator[str]:
    """Groups with training and test videos in a split. Only the column `split` of a user's own
    labels can divide groups."""
    if not isinstance(config.datasets[dataset], Folders):
        return
    for split in users_of_splits(config, artefacts, dataset):
        if split_column(split) in index.columns:
            train, test = parts(index, split)
            divided = sorted(set(train["group"]) & set(test["group"]))
            if divided:
                yield (
                    f"groups with both training and test videos in split {split}: {len(divided)} "
                    f"({few(divided)}); the test videos are then of recordings that the models "
                    f"have learned from. Give all videos of a group the same split in "
                    f"{config.datasets[dataset].labels}, or remove the column split"
                )


def unused_labels(
    config: Config, artefacts: Needed, dataset: str, index: pd.DataFrame
) -> Iterator[str]:
    """Labelled videos that are in neither part of a split. Only the format `folders` is checked,
    since official splits may leave videos out on purpose."""
    if not isinstance(config.datasets[dataset], Folders):
        return
    for split in users_of_splits(config, artefacts, dataset):
        if split_column(split) in index.columns:
            count = int(((index["label"] != "") & (index[split_column(split)] == "")).sum())
            if count:
                yield (
                    f"labelled videos in neither part of split {split}: {count}; no model learns "
                    "from their labels. To use them, write train or test in the column split of "
                    f"{config.datasets[dataset].labels}"
                )


def users_of_splits(config: Config, artefacts: Needed, dataset: str) -> dict[int, list[Use]]:
    """For each split of a data set, all uses of its labels."""
    users: dict[int, list[Use]] = defaultdict(list)
    for use in sorted(uses(config, artefacts, dataset), key=lambda use: use.split):
        users[use.split].append(use)
    return users


def parts(index: pd.DataFrame, split: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The labelled training and test videos of a split."""
    rows = index[index["label"] != ""]
    column = rows[split_column(split)]
    return rows[column == "train"], rows[column == "test"]


def advice(recipe: DatasetRecipe, part: str) -> str:
    """What to do if a split has no videos of a part, `train` or `test`."""
    if not isinstance(recipe, Folders):
        return f"its lists or annotations have to name {part} videos that are in its folder"
    if recipe.test_groups:
        return "check test_groups: these groups are the test set, and all others are for training"
    if recipe.folds:
        return "use fewer folds, or add recordings"
    if recipe.labels:
        return (
            f"give some rows of {recipe.labels} the split {part}; or leave the column out, and the "
            "groups of the test set are drawn at random (test_fraction), for which each class "
            "needs two"
        )
    return (
        "its groups are drawn at random (test_fraction), and each class keeps one for training: "
        "give every class two recordings or more, or raise test_fraction"
    )


# ------------------------------------------------------------------------------ validation videos


def training_problems(
    config: Config, artefacts: Needed, dataset: str, index: pd.DataFrame
) -> Iterator[str]:
    """Trainings that keep the best epoch but have no validation videos to find it with."""
    for name, split in sorted(artefacts.of("motion_model")):
        recipe = config.motion_models[name]
        if recipe.dataset == dataset:
            yield from best_problems(
                f"motion_models.{name}", recipe.training, index, split, config.labels_of(name)
            )
    for name, split in sorted(artefacts.of("fine_tuning")):
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
    except MotionFitError:  # `split_problems` reports it
        return
    _, validation = hold_out(
        rows, training.validation_fraction, training.seed, True, training.validation_unit
    )
    if validation.empty:
        yield (
            f"{name}: keep is best, but none of the {len(rows)} training videos of split {split} "
            "can be held out for validation: raise validation_fraction, or set "
            "validation_unit: video or keep: last"
        )


# --------------------------------------------------------------------------- sources and lengths


def source_problems(
    config: Config, artefacts: Needed, dataset: str, index: pd.DataFrame, length_of: LengthOf
) -> Iterator[str]:
    """Clusterings that leave out all videos, or have more clusters than there are features."""
    for name, split in sorted(artefacts.of("pseudo_labels")):
        recipe = config.pseudo_labels[name]
        if recipe.dataset != dataset:
            continue
        try:
            rows = chosen_videos(recipe, index, split, config.labels_of(recipe.motion_model))
        except MotionFitError as error:
            yield f"pseudo_labels.{name}: {error}"
            continue
        motion_model = config.motion_models[recipe.motion_model]
        total, left = 0, len(rows)  # each video that is left gives at least one feature
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
    """The largest number of clips, segments or videos to cluster that a video of `frames` frames
    may give."""
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
    """Clips that are longer than each of the videos that they come from."""
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
    """Number of frames of each video. If the first PATIENCE videos, or all of them, can't be
    opened, their lengths are unknown: then the last of them counts as UNKNOWN frames long, so that
    no check fails."""
    opened = False
    for count, path in enumerate(paths, start=1):
        frames = length_of(path)
        opened = opened or frames > 0
        yield UNKNOWN if not opened and count in (PATIENCE, len(paths)) else frames


def clips_taken(
    config: Config, artefacts: Needed, dataset: str, index: pd.DataFrame
) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Yields the key of each artefact that reads clips, the number of frames of a clip, and the
    index rows of the videos."""
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
    for name, split in sorted(artefacts.of("appearance_model", "mers_model")):
        if config.source_of(name) == dataset:
            recipe = config.appearance_models[name]
            key, length = f"appearance_models.{name}.network", recipe.network.clip_length
            yield key, length, source_videos(index, split, learned_videos(config, name))


def learned_videos(config: Config, appearance_model: str) -> str:
    """Which videos of its source an appearance model learns from: `train` or `all`."""
    recipe = config.appearance_models[appearance_model]
    learned = recipe.mers or config.pseudo_labels[recipe.pseudo_labels]
    return "all" if learned.videos == "all" else "train"


def stored_frames(path: Path, fps: float | None) -> int:
    """Number of frames of a video that will be stored, by its header; 0 if it can't be opened."""
    try:
        return announced_frames(path, fps) or UNKNOWN
    except UnreadableVideoError:
        return 0


# -------------------------------------------------------------------------------- missing videos


def refuse_vanished(folder: Path, before: pd.DataFrame | None, index: pd.DataFrame) -> None:
    """Raises MotionFitError if videos are missing since a disk may not be mounted.

    This is so if videos of the index `before` are missing from the new index, and their folder is
    empty or a broken link. If the folder or only some of its videos were removed, the data set has
    become smaller, which is no error.
    """
    if before is None:
        return
    gone = before[~before["video"].isin(index["video"])]
    for name in dict.fromkeys(os.path.dirname(video) for video in gone["video"]):  # noqa: PTH120
        left = folder / name
        while not os.path.lexists(left):
            left = left.parent
        empty = left.is_dir() and not any(left.iterdir())
        if left != folder and (empty or (left.is_symlink() and not left.exists())):
            count = int((gone["path"].str.startswith(f"{left}/")).sum())
            raise MotionFitError(
                f"videos: {count} videos below {left} are missing, and it is "
                f"{'an empty folder' if empty else 'a broken link'}: mount its disk; or, to leave "
                "these videos out, remove it and run again"
            )
