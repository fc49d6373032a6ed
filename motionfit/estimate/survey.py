"""Surveys a data set without decoding it: its index, and the lengths of a sample of its videos."""

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from motionfit.config import DatasetRecipe, Demo
from motionfit.datasets.build import build_index
from motionfit.errors import MotionFitError
from motionfit.store.video import UnreadableVideoError, announced_frames, resampled

log = logging.getLogger(__name__)

PROBED = 100
"""Number of videos per data set whose headers are read."""
RENDERED = 12
"""Number of demo videos that are rendered for the measurements."""
SURE = 1.96
"""Half width of a 95% confidence interval, in standard errors."""


@dataclass(frozen=True)
class Survey:
    """A data set, and a random sample of its videos."""

    name: str
    index: pd.DataFrame
    index_seconds: float
    """CPU seconds that indexing took."""
    paths: list[Path]
    """The sampled videos that can be opened, in random order."""
    frames: np.ndarray
    """(n,) number of frames of each video, at the frame rate at which the data set is stored."""
    failed: list[str]
    """Sampled videos that cannot be opened, with the reason."""
    render_seconds: float = 0.0
    """Seconds to render one demo video."""
    render_bytes: float = 0.0
    """Bytes of a rendered video."""

    @property
    def videos(self) -> int:
        return len(self.index)

    @property
    def shards(self) -> int:
        """Number of shards that have videos."""
        return self.index["shard"].nunique()

    @property
    def all_frames(self) -> float:
        """Number of frames of all videos, estimated from the sample."""
        return self.videos * float(self.frames.mean())

    @property
    def name_bytes(self) -> float:
        """Mean number of bytes of a video's id."""
        return float(self.index["video"].str.len().mean())

    @property
    def error(self) -> float:
        """Relative error of the mean number of frames (95% confidence)."""
        return relative_error(self.frames, self.videos)


def relative_error(sample: np.ndarray, population: int) -> float:
    """Relative error of the mean of a random sample (n,) drawn from `population` items, with 95%
    confidence. It is 1 for a sample of one, which says nothing about the other items."""
    n = len(sample)
    if n >= population:
        return 0.0
    if n < 2:
        return 1.0
    of_the_rest = math.sqrt((population - n) / (population - 1))
    return SURE * float(sample.std(ddof=1)) / math.sqrt(n) * of_the_rest / float(sample.mean())


def survey(name: str, recipe: DatasetRecipe, folder: Path) -> Survey:
    """Indexes a data set and reads the headers of a sample of its videos.

    `folder`: where the videos of a demo are rendered. Raises MotionFitError if indexing fails or if
    no sampled video can be opened.
    """
    if isinstance(recipe, Demo):
        return survey_demo(name, recipe, folder)
    begun = time.process_time()
    index = build_index(recipe)
    seconds = time.process_time() - begun
    paths, frames, failed = [], [], []
    for path in sampled(index["path"], PROBED):
        try:
            if not (count := announced_frames(Path(path), recipe.fps)):
                raise UnreadableVideoError("its header does not say how long it is")
            frames.append(count)
            paths.append(Path(path))
        except UnreadableVideoError as error:
            failed.append(f"{path}: {error}")
    if not paths:
        raise MotionFitError(
            f"datasets.{name}: none of {len(failed)} videos drawn at random can be read, for "
            f"example {failed[0]}"
        )
    return Survey(name, index, seconds, paths, np.array(frames), failed)


def survey_demo(name: str, recipe: Demo, folder: Path) -> Survey:
    """Surveys a demo, which may not be rendered yet, by rendering some of its videos."""
    # Only a demo needs PyAV's encoder and scikit-learn's digits.
    from motionfit.datasets.demo import FPS, demo_videos, render_video, write_video

    videos = demo_videos(recipe)
    for path in videos["path"]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    videos.to_csv(folder / "labels.csv", index=False)
    begun = time.process_time()
    index = build_index(recipe, folder)
    indexed = time.process_time()
    chosen = sampled(videos["path"], RENDERED)
    motions = dict(zip(videos["path"], videos["label"], strict=True))
    for path in chosen:
        write_video(folder / path, render_video(recipe, motions[path], path))
    seconds = (time.process_time() - indexed) / len(chosen)
    paths = [folder / path for path in chosen]
    frames = np.full(len(paths), resampled(recipe.frames, FPS, recipe.fps))
    size = float(np.mean([path.stat().st_size for path in paths]))
    return Survey(name, index, indexed - begun, paths, frames, [], seconds, size)


def sampled(names: pd.Series, count: int) -> list[str]:
    """Draws `count` names at random, or all names if there are fewer. Every run draws the same
    names, so two estimates of a data set use the same sample."""
    return [names.iloc[i] for i in np.random.default_rng(0).permutation(len(names))[:count]]
