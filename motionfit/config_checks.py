"""Checks a config against the index of a data set, before any frame is decoded.

The stages would find the same mistakes, but one after another, and some after days.
"""

import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import pandas as pd

from motionfit.clips.sampling import dense_starts
from motionfit.config import (
    Config,
    DatasetRecipe,
    Evaluation,
    Folders,
    LabelledPart,
    MotionModel,
    PseudoLabels,
    Training,
)
from motionfit.datasets.files import few
from motionfit.datasets.index import hold_out, labelled_train, source_videos, split_column
from motionfit.errors import MotionFitError
from motionfit.graph import needed_by_run
from motionfit.pseudo_labels.videos import chosen_videos
from motionfit.seeds import with_seeds
from motionfit.store.video import UnreadableVideoError, announced_frames

TOLERANCE = 1.05
"""A video may be longer than its header says by this factor."""
UNKNOWN = 10**6
"""Assumed number of frames of a video whose header does not give it: enough for every check."""

PATIENCE = 20
"""Number of videos that are tried if none of them can be opened."""

R = TypeVar("R", MotionModel, PseudoLabels, Evaluation)


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
    checks = Checks(config, dataset, index)
    problems = [
        *checks.split_problems(),
        *checks.training_problems(),
        *checks.source_problems(),
        *checks.length_problems(),
    ]
    warnings = [*checks.untested_classes(), *checks.unused_labels(), *checks.divided_groups()]
    return Findings(list(dict.fromkeys(problems)), list(dict.fromkeys(warnings)))


def message(dataset: str, problems: list[str]) -> str:
    """One message for all problems of a data set."""
    return f"the data set {dataset!r} does not fit this config:\n  " + "\n  ".join(problems)


class Split:
    """A split of a data set, and what uses its labels."""

    def __init__(self, number: int, learning: list[str], tested: list[str], index: pd.DataFrame):
        """`learning`: keys in the config of the motion models that learn from its labels. `tested`:
        keys of the evaluations that learn from them and use the test videos."""
        self.number = number
        self.users = few([*learning, *tested])
        self.tested = tested
        self.column = split_column(number)
        self.exists = self.column in index.columns
        labelled = index[index["label"] != ""]
        column = labelled[self.column] if self.exists else pd.Series("", labelled.index)
        self.train = labelled[column == "train"]
        self.test = labelled[column == "test"]
        self.unused = int((column == "").sum())
        """Number of labelled videos that are in neither part."""


class Checks:
    """The checks of a data set. Each yields messages."""

    def __init__(self, config: Config, dataset: str, index: pd.DataFrame):
        self.config = with_seeds(config)
        self.needed = needed_by_run(config)
        self.dataset = dataset
        self.recipe = self.config.datasets[dataset]
        self.index = index
        self.length_of = cache(lambda path: stored_frames(Path(path), self.recipe.fps))
        self.motion_models = self._made("motion_model", of=self.config.motion_models)
        self.evaluations = self._made("recognition", "retrieval", of=self.config.evaluations)
        learning, tested = defaultdict(list), defaultdict(list)
        for name, split, _ in self.motion_models:
            learning[split].append(f"motion_models.{name}")
        for name, split, _ in self.evaluations:
            tested[split].append(f"evaluations.{name}")
        self.splits = [
            Split(number, learning[number], tested[number], index)
            for number in sorted({*learning, *tested})
        ]

    def _made(self, *rules: str, of: Mapping[str, R]) -> list[tuple[str, int, R]]:
        """Name, split and recipe of the artefacts of some rules that need this data set."""
        return [
            (name, split, of[name])
            for name, split in sorted(set(self.needed.of(*rules)))
            if of[name].dataset == self.dataset
        ]

    # ---------------------------------------------------------------------- splits and classes

    def split_problems(self) -> Iterator[str]:
        """Missing splits, splits without training or test videos or with a single class, and
        classes that have test videos but no training videos."""
        for split in self.splits:
            here, train, test = f"split {split.number}", split.train, split.test
            if not split.exists:
                have = [name for name in self.index.columns if name.startswith("split")]
                yield (
                    f"there is no {here} (the data set has: {', '.join(have) or 'none'}); "
                    f"needed by {split.users}"
                )
                continue
            if train.empty:
                yield (
                    f"{here} has no training videos: {advice(self.recipe, 'train')} (needed by "
                    f"{split.users})"
                )
            elif train["label"].nunique() == 1:
                yield (
                    f"all training videos of {here} are of one class, {train['label'].iloc[0]!r}: "
                    f"add videos of another class (needed by {split.users})"
                )
            if split.tested and test.empty:
                yield (
                    f"{here} has no test videos: {advice(self.recipe, 'test')} (needed by "
                    f"{few(split.tested)})"
                )
            untrained = sorted(set(test["label"]) - set(train["label"]))
            if split.tested and untrained and not train.empty:
                yield (
                    f"{here} has test videos but no training video of the class(es) "
                    f"{few(untrained, 10)}: add training videos, or leave out these classes"
                )

    def untested_classes(self) -> Iterator[str]:
        """Classes that have training videos in a split but no test videos."""
        for split in self.splits:
            untested = sorted(set(split.train["label"]) - set(split.test["label"]))
            if split.tested and untested and not split.test.empty:
                yield (
                    f"split {split.number} has no test video of the class(es) "
                    f"{few(untested, 10)}: the evaluations do not show how well they are recognised"
                )

    def divided_groups(self) -> Iterator[str]:
        """Groups with training and test videos in a split. Only the column `split` of a user's own
        labels can divide groups."""
        for split in self.splits:
            divided = sorted(set(split.train["group"]) & set(split.test["group"]))
            if divided and isinstance(self.recipe, Folders):
                yield (
                    f"groups with both training and test videos in split {split.number}: "
                    f"{len(divided)} ({few(divided)}); the test videos are then of recordings that "
                    "the models have learned from. Give all videos of a group the same split in "
                    f"{self.recipe.labels}, or remove the column split"
                )

    def unused_labels(self) -> Iterator[str]:
        """Labelled videos that are in neither part of a split. Only the format `folders` is
        checked, since official splits may leave videos out on purpose."""
        for split in self.splits:
            if split.exists and split.unused and isinstance(self.recipe, Folders):
                yield (
                    f"labelled videos in neither part of split {split.number}: {split.unused}; no "
                    "model learns from their labels. To use them, write train or test in the "
                    f"column split of {self.recipe.labels}"
                )

    # ----------------------------------------------------------------------- validation videos

    def training_problems(self) -> Iterator[str]:
        """Trainings that keep the best epoch but have no validation videos to find it with."""
        for name, split, model in self.motion_models:
            labels = self.config.labels_of(name)
            yield from self._best_problems(f"motion_models.{name}", model.training, split, labels)
        for name, split, evaluation in self._made("fine_tuning", of=self.config.evaluations):
            labels = self.config.labels_of_evaluation(evaluation)
            yield from self._best_problems(
                f"evaluations.{name}", evaluation.fine_tuning, split, labels
            )

    def _best_problems(
        self, key: str, training: Training, split: int, labels: LabelledPart
    ) -> Iterator[str]:
        if training.keep != "best":
            return
        try:
            rows = labelled_train(self.index, split, labels)
        except MotionFitError:  # `split_problems` reports it
            return
        _, validation = hold_out(
            rows, training.validation_fraction, training.seed, True, training.validation_unit
        )
        if validation.empty:
            yield (
                f"{key}: keep is best, but none of the {len(rows)} training videos of split "
                f"{split} can be held out for validation: raise validation_fraction, or set "
                "validation_unit: video or keep: last"
            )

    # --------------------------------------------------------------------- sources and lengths

    def source_problems(self) -> Iterator[str]:
        """Clusterings that leave out all videos, or have more clusters than there are features."""
        for name, split, recipe in self._made("pseudo_labels", of=self.config.pseudo_labels):
            labels = self.config.labels_of(recipe.motion_model)
            try:
                rows = chosen_videos(recipe, self.index, split, labels)
            except MotionFitError as error:
                yield f"pseudo_labels.{name}: {error}"
                continue
            motion_model = self.config.motion_models[recipe.motion_model]
            total, left = 0, len(rows)  # each video that is left gives at least one feature
            for frames in frames_of(rows["path"], self.length_of):
                total += most_units(frames, recipe, motion_model)
                left -= 1
                if total + left >= recipe.clusters:
                    break
            if total + left < recipe.clusters:
                unit = recipe.granularity.split("_")[0]
                yield (
                    f"pseudo_labels.{name}: clusters is {recipe.clusters}, but the {len(rows)} "
                    f"videos of the source give at most {total} {unit}s, by the lengths in their "
                    "headers: use fewer clusters, a larger source or a smaller features.stride"
                )

    def length_problems(self) -> Iterator[str]:
        """Clips that are longer than each of the videos that they come from."""
        keys: dict[str, list[str]] = defaultdict(list)
        fps = self.recipe.fps
        rate = f" at {fps:g} frames per second" if fps else ""
        for key, clip_length, rows in self._clips():
            longest = 0
            for frames in frames_of(rows["path"], self.length_of):
                longest = max(longest, frames)
                if math.ceil(longest * TOLERANCE) >= clip_length:
                    break
            if len(rows) and math.ceil(longest * TOLERANCE) < clip_length:
                text = (
                    f"clip_length is {clip_length}, but the longest of its {len(rows)} videos has "
                    f"{longest} frames{rate}, by its header: use a smaller clip_length"
                    f"{', or a larger fps if they have more frames' if fps else ''}"
                )
                keys[text].append(key)
        for text, of_text in keys.items():
            yield f"{few(list(dict.fromkeys(of_text)))}: {text}"

    def _clips(self) -> Iterator[tuple[str, int, pd.DataFrame]]:
        """Yields the key of each artefact that reads clips, the number of frames of a clip, and the
        index rows of the videos."""
        for name, split, model in self.motion_models:
            key = f"motion_models.{name}.network"
            yield key, model.network.clip_length, self._part(split, "train")
        for name, split, evaluation in self.evaluations:
            for part in ("test", "train"):
                yield f"evaluations.{name}", evaluation.clip_length, self._part(split, part)
        for name, split in sorted(self.needed.of("appearance_model", "taught_model")):
            if self.config.source_of(name) == self.dataset:
                network = self.config.appearance_models[name].network
                learned = self.config.supervision_of(name).videos
                rows = source_videos(self.index, split, "all" if learned == "all" else "train")
                yield f"appearance_models.{name}.network", network.clip_length, rows

    def _part(self, split: int, name: str) -> pd.DataFrame:
        """All rows of a part of a split. There are none if the split is missing."""
        column = self.index.get(split_column(split))
        return self.index[:0] if column is None else self.index[column == name]


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


def frames_of(paths: pd.Series, length_of: Callable[[str], int]) -> Iterator[int]:
    """Number of frames of each video. If the first PATIENCE videos, or all of them, can't be
    opened, their lengths are unknown: then the last of them counts as UNKNOWN frames long, so that
    no check fails."""
    opened = False
    for count, path in enumerate(paths, start=1):
        frames = length_of(path)
        opened = opened or frames > 0
        yield UNKNOWN if not opened and count in (PATIENCE, len(paths)) else frames


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
