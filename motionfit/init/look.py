"""What is in a user's folders: counts, classes, groups, durations, sizes, motion."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from motionfit.config import Folders, Size
from motionfit.datasets.files import few, read_csv, scan
from motionfit.datasets.folders import index_folders
from motionfit.errors import MotionFitError
from motionfit.flow.methods import compute_pairs
from motionfit.init.groups import suggested
from motionfit.judgement import LEVEL
from motionfit.store.video import UnreadableVideoError, announced_frames, decode, frame_rate

log = logging.getLogger(__name__)

PROBED = 100
"""Videos per folder whose headers are read."""
WATCHED = 16
"""Videos per folder from which flow is computed."""
PAIRS = 6
"""Pairs of frames per video whose flow is computed."""
BEGINNING = 32
"""Frames at the beginning of a video from which the pairs are taken, since a video may last
hours."""
SEEN = 300
"""Labelled videos whose first frames tell whether the videos of a group look alike."""
SHUFFLES = 400
"""Random groupings that the groups are compared with."""
LEAST_SOURCE = 8
"""Fewest source videos: two clusters of four."""


@dataclass(frozen=True)
class Looks:
    """What the videos of a folder look like, from a random sample."""

    count: int
    """Number of videos in the folder."""
    sampled: list[Path]
    """The videos of the sample that can be opened, in random order."""
    seconds: np.ndarray
    """(n,) their durations; those that headers do not say are left out."""
    rates: np.ndarray
    """(n,) their frames per second."""
    failed: list[str]
    """Videos of the sample that can't be opened, with the reason."""


@dataclass(frozen=True)
class Labelled:
    """The folder of labelled videos."""

    folder: Path
    looks: Looks
    index: pd.DataFrame
    """One row per labelled video: video, label, group."""
    unlabelled: list[str]
    """Videos that labels.csv lists without a label."""
    csv: Path | None
    """The labels.csv in the folder, if there is one."""
    grouped_by: str
    """What the videos of a group have in common, if the groups are guessed from names."""
    has_split: bool
    """Whether labels.csv says which videos are for testing."""

    @property
    def classes(self) -> pd.Series:
        """Number of videos of each class."""
        return self.index["label"].value_counts().sort_index()

    @property
    def groups(self) -> int:
        return self.index["group"].nunique()

    @property
    def has_groups(self) -> bool:
        """Whether some videos share a group."""
        return self.groups < len(self.index)


@dataclass(frozen=True)
class Unlabelled:
    """The folder of unlabelled videos."""

    folder: Path
    looks: Looks


def look_at_labelled(folder: Path) -> Labelled:
    """Looks into a folder with one folder per class, or with a labels.csv.

    Raises MotionFitError if the folder is missing or has no videos, if the class of a video is
    unclear, or if there are too few classes or videos.
    """
    log.info("looking at the labelled videos in %s", folder)
    listed = folder / "labels.csv"
    csv = listed if listed.is_file() else None
    if not csv and (outside := [video for video in scan(folder).videos if "/" not in video]):
        raise MotionFitError(
            f"{folder} has videos outside of class folders ({few(outside)}): put the videos of "
            f"each class into a folder of its own, or list them in {listed} with the columns path "
            "and label"
        )
    index = index_folders(Folders(format="folders", videos=folder, labels=csv))
    has_split = bool(csv) and "split" in read_csv(csv, "labels", ("path", "label"))[0][1]
    is_labelled = index["label"] != ""
    without_label = list(index.loc[~is_labelled, "video"])
    index = index.loc[is_labelled, ["video", "path", "label", "group"]]
    counts = index["label"].value_counts()
    if len(counts) < 2:
        raise MotionFitError(
            f"{folder} has {'one class' if len(counts) else 'no class'}: a network learns to tell "
            "two or more classes apart"
        )
    if counts.min() < 2:
        raise MotionFitError(
            f"{folder} has one video of the class {counts.idxmin()!r}: each class needs two or "
            "more, to learn from and to test with"
        )
    looks = look_at(list(index["path"]), folder)
    grouped_by = ""
    if not has_split and (index["group"] == index["video"]).all():
        guess = suggested(
            list(index["video"]),
            list(index["label"]),
            csv is None,
            lambda names: look_alike(list(index["path"]), names),
        )
        if guess:
            index, grouped_by = index.assign(group=guess.names), guess.what
    index = index.drop(columns="path")
    return Labelled(folder, looks, index, without_label, csv, grouped_by, has_split)


def look_at_unlabelled(folder: Path) -> Unlabelled:
    """Looks into any folder tree with videos. Raises MotionFitError if it is missing or has too few
    videos."""
    log.info("looking at the unlabelled videos in %s", folder)
    videos = [str(folder / video) for video in scan(folder).videos]
    if len(videos) < LEAST_SOURCE:
        raise MotionFitError(
            f"{folder} has {len(videos)} videos, and clusters need {LEAST_SOURCE} or more: add "
            "videos, or leave out --unlabelled to use the labelled ones without their labels"
        )
    return Unlabelled(folder, look_at(videos, folder))


def look_at(paths: Sequence[str], folder: Path) -> Looks:
    """Reads the headers of a random sample of videos. Raises MotionFitError if none can be
    opened."""
    chosen = np.random.default_rng(0).permutation(len(paths))[:PROBED]
    sampled, seconds, rates, failed = [], [], [], []
    for path in (Path(paths[i]) for i in chosen):
        try:
            rate, frames = float(frame_rate(path)), announced_frames(path, None)
        except UnreadableVideoError as error:
            failed.append(f"{path.relative_to(folder)}: {error}")
            continue
        sampled.append(path)
        rates.append(rate)
        if frames:
            seconds.append(frames / rate)
    if not seconds:
        reason = failed[0] if failed else "their headers do not say how long they are"
        raise MotionFitError(
            f"none of {len(chosen)} videos in {folder} can be used, such as {reason}"
        )
    return Looks(len(paths), sampled, np.array(seconds), np.array(rates), failed)


def watch(paths: Sequence[Path], fps: float, side: int) -> tuple[list[np.ndarray], list[str]]:
    """Decodes the beginnings of videos at a frame rate.

    Returns the grey frames (T, H, W) uint8 of each video with two frames or more, with `side`
    pixels on their shorter side, and the videos that are damaged, with the reason. What a damaged
    video has before the damage counts.
    """
    watched, failed = [], []
    for path in paths:
        frames = []
        try:
            frames += (shrunk(image, side) for image in islice(decode(path, None, fps), BEGINNING))
        except UnreadableVideoError as error:
            failed.append(f"{path.name}: {error}")
        if len(frames) > 1:
            watched.append(np.stack(frames))
    return watched, failed


def shrunk(image: np.ndarray, side: int) -> np.ndarray:
    """An RGB image in grey, with this shorter side."""
    height, width = image.shape[:2]
    scale = side / min(height, width)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    return cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)


def displacements(videos: Sequence[np.ndarray], size: Size, threads: int) -> np.ndarray:
    """The lengths of the displacements of all pixels in a few pairs of frames of each video, in
    pixels per frame at this size (H, W). The flow is TV-L1, as in a run."""
    pairs = []
    for frames in videos:
        all_pairs = list(pairwise(frames))
        chosen = np.linspace(0, len(all_pairs) - 1, min(PAIRS, len(all_pairs))).round()
        pairs += [tuple(_resized(frame, size) for frame in all_pairs[int(i)]) for i in chosen]
    fields = compute_pairs(pairs, "tvl1", threads)
    return np.concatenate([np.linalg.norm(field, axis=-1).ravel() for field in fields])


def _resized(frame: np.ndarray, size: Size) -> np.ndarray:
    return cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA)


def look_alike(paths: Sequence[str], names: Sequence[str]) -> bool:
    """Whether the first frames of the videos of a group are more alike than those of other videos.

    It compares the mean distance of two frames of a group, as 8x8 pixels, with that in groups that
    are drawn at random, at 95%.
    """
    order = np.argsort(names, kind="stable")[:SEEN]  # whole groups
    frames, groups = [], []
    for i in order:
        with suppress(UnreadableVideoError):
            frame = next(decode(Path(paths[i]), None))
            frames.append(cv2.resize(frame, (8, 8), interpolation=cv2.INTER_AREA).ravel())
            groups.append(names[i])
    if len(frames) < 2:
        return False
    codes = pd.factorize(np.array(groups))[0]
    vectors = np.array(frames, float)
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    rng, within = np.random.default_rng(0), []
    for shuffle in range(1 + SHUFFLES):
        of_video = rng.permutation(codes) if shuffle else codes
        same = of_video[:, None] == of_video[None]
        within.append(distances[same].sum() / max(1, same.sum() - len(codes)))
    return float(np.mean(np.array(within[1:]) <= within[0])) < LEVEL
