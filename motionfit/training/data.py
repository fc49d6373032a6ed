"""What a network is trained on: videos with labelled windows, and the clips drawn from them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from math import factorial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from motionfit.datasets.index import stable_hash
from motionfit.errors import MotionFitError
from motionfit.models.network import CHANNELS
from motionfit.store.clips import ClipStore
from motionfit.training.clips import crop
from motionfit.training.decoding import decode_clips, joined
from motionfit.training.losses import NO_LABEL, NO_ORDER


@dataclass(frozen=True)
class LabelledVideo:
    """A video and its labelled windows: the whole video where it has one label, or the clips or
    segments that have a pseudo-label each."""

    video: str
    starts: np.ndarray
    """(N,) first frame of each window; ascending."""
    lengths: np.ndarray
    """(N,) frames of each window."""
    labels: np.ndarray
    """(N,) int64 class of each window."""
    weights: np.ndarray
    """(N,) how often each window is drawn, in proportion; their sum is that of the video where
    videos are drawn as well."""


def whole_video(video: str, frames: int, label: int) -> LabelledVideo:
    """A video that has one label."""
    return LabelledVideo(
        video, np.array([0]), np.array([frames]), np.array([label]), np.array([1.0])
    )


class LabelledVideos(Sequence[LabelledVideo]):
    """Labelled videos in a few flat arrays, which go to a reading process in a moment: as many
    objects as a large source has take each reader seconds and memory."""

    def __init__(self, videos: Iterable[LabelledVideo]):
        rows = list(videos)
        self._names = [row.video for row in rows]
        self._ends = np.cumsum([0, *(len(row.starts) for row in rows)])
        self._columns = {
            name: np.concatenate([getattr(row, name) for row in rows] or [np.zeros(0)])
            for name in ("starts", "lengths", "labels", "weights")
        }

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, i: int) -> LabelledVideo:
        i = range(len(self))[i]
        own = slice(self._ends[i], self._ends[i + 1])
        return LabelledVideo(
            self._names[i], **{name: values[own] for name, values in self._columns.items()}
        )


def draw_clips(
    sample: LabelledVideo,
    frames: int,
    clip_length: int,
    count: int,
    rng: np.random.Generator,
    repeat: bool = False,
    jitter: int = 0,
) -> list[tuple[int, int]]:
    """(start, window) of `count` clips at random of a video of `frames` frames.

    A window is drawn in proportion to its weight, without repetition where there are enough unless
    `repeat`, and a clip begins anywhere that `start_ranges` gives for it.
    """
    weights = sample.weights / sample.weights.sum()
    again = repeat or len(weights) < count
    windows = rng.choice(len(weights), size=count, replace=again, p=weights)
    first, last = start_ranges(sample, frames, clip_length, jitter)
    return [(int(rng.integers(first[w], last[w] + 1)), int(w)) for w in windows]


def start_ranges(
    sample: LabelledVideo, frames: int, clip_length: int, jitter: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) first and (N,) last frame at which a clip of each window may begin: wherever it fits
    into its window; where it is as long as its window or longer, centred on it, or up to `jitter`
    frames beside that. Always within a video of `frames` frames."""
    room = sample.lengths - clip_length
    fits = room > 0
    first = sample.starts + np.where(fits, 0, room // 2 - jitter)
    last = sample.starts + np.where(fits, room, room // 2 + jitter)
    limit = max(frames - clip_length, 0)
    return first.clip(0, limit), last.clip(0, limit)


def on_windows(
    starts: Iterable[int], sample: LabelledVideo, frames: int, clip_length: int, jitter: int = 0
) -> list[tuple[int, int]]:
    """(start, window) of clips near `starts`, which ascend, each where its window allows it
    (`start_ranges`) and, while there is room, behind the one before."""
    first, last = start_ranges(sample, frames, clip_length, jitter)
    clips, free = [], 0
    for start in starts:
        low = np.maximum(first, free)
        if (low > last).all():
            low = first
        nearest = np.clip(start, low, last)
        distance = np.where(low > last, np.inf, np.abs(nearest - start))
        # Of windows that allow the same start, the one in whose middle the clip is.
        middle = np.abs(sample.starts + sample.lengths / 2 - nearest - clip_length / 2)
        w = int(np.lexsort((middle, distance))[0])
        clips.append((int(nearest[w]), w))
        free = clips[-1][0] + 1
    return clips


def balanced(videos: Sequence[LabelledVideo]) -> list[LabelledVideo]:
    """The videos with weights such that, videos and windows drawn by them, each label comes as
    often: a window's length, divided by the length of all windows of its label."""
    totals: Counter[int] = Counter()
    for video in videos:
        for label, length in zip(video.labels.tolist(), video.lengths.tolist(), strict=True):
            totals[label] += length
    return [
        replace(v, weights=v.lengths / np.array([totals[label] for label in v.labels.tolist()]))
        for v in videos
    ]


def uniform_starts(frames: int, clip_length: int, count: int) -> list[int]:
    """Starts of `count` clips spread evenly over a video, the first and the last at its ends; some
    come several times where the video is short."""
    return [int(s) for s in np.linspace(0, max(frames - clip_length, 0), count).round()]


def ordered_starts(
    frames: int, clip_length: int, count: int, gap: int, rng: np.random.Generator
) -> list[int]:
    """Starts of `count` clips one after the other, `gap` frames apart, anywhere in the video;
    evenly spread where it is too short for that, even if they overlap."""
    step = min(clip_length + gap, max(frames - clip_length, 0) / (count - 1))
    room = frames - clip_length - step * (count - 1)
    first = int(rng.integers(int(room) + 1)) if room >= 1 else 0
    return [first + int(i * step) for i in range(count)]


class Draw(NamedTuple):
    """A sample that is asked for: the video's place, the epoch, and how often the video has come in
    that epoch before."""

    video: int
    epoch: int = 0
    again: int = 0


class BadRecord(NamedTuple):
    """What takes the place of a sample whose clips can't be read."""

    video: str
    reason: str


class MultiClips(Dataset):
    """R clips of each video, as a dictionary of tensors:

    - `clips` (R, L, S, S, C) uint8, and `flips` (R,) bool: whether each is to be mirrored;
    - `labels` (R,) int64, and `around` (R, 2) int64: the labels of the windows before and after,
      NO_LABEL where there is none;
    - `order` () int64, for `clip_order_loss`;
    - `teacher_clips` (R, L, S, S, 2) uint8, where there is a `teacher`: the same clips and crops of
      its store, which has to have frames of the same size.

    With `encoded` there is, in place of each set of clips, its JPEG: see `training.decoding`.

    With `training` the clips, crops and flips are drawn at random. What is drawn follows from the
    seed and the `Draw` alone. With `repeat` a video's windows are drawn by their weights alone.
    With `clip_gap` the clips are taken one after the other, that many frames apart, and shuffled;
    without it there is no order. To watch, clips are evenly spread. Each clip lies on the window
    whose label it has, or up to `jitter` frames beside it (`start_ranges`). Where a clip can't be
    read, the sample is a `BadRecord`.
    """

    def __init__(
        self,
        store: ClipStore,
        videos: Sequence[LabelledVideo],
        clip_length: int,
        clips_per_video: int,
        crop: int,
        flip: bool,
        seed: int,
        training: bool,
        clip_gap: int | None = None,
        teacher: ClipStore | None = None,
        repeat: bool = False,
        encoded: bool = False,
        jitter: int = 0,
    ):
        self._store = store
        self.videos = LabelledVideos(videos)
        self.clip_length = clip_length
        self._clips_per_video = clips_per_video
        self._crop = crop
        self._flip = flip
        self._seed = seed
        self._training = training
        self._clip_gap = clip_gap
        self._jitter = jitter
        self._stores = {"clips": store} | ({"teacher_clips": teacher} if teacher else {})
        self.repeat = repeat
        self.encoded = encoded

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, draw: Draw) -> dict[str, Tensor] | BadRecord:
        try:
            return self._sample(draw)
        except (MotionFitError, OSError) as error:
            return BadRecord(self.videos[draw.video].video, str(error))

    def _sample(self, draw: Draw) -> dict[str, Tensor]:
        sample = self.videos[draw.video]
        R = self._clips_per_video
        seed = [self._seed, draw.epoch if self._training else 0, stable_hash(sample.video)]
        rng = np.random.default_rng([*seed, draw.again] if draw.again else seed)
        drawn = self._draw(sample, rng)
        order = NO_ORDER
        if self._clip_gap is not None and len({start for start, _ in drawn}) == R:
            order = int(rng.integers(factorial(R)))
            drawn = [drawn[k] for k in list(permutations(range(R)))[order]]
        starts = [start for start, _ in drawn]
        corners = [self._corner(rng) for _ in starts]
        flips = rng.random(R) < 0.5 if self._flip and self._training else np.zeros(R, bool)
        windows = np.array([window for _, window in drawn])
        labels = np.concatenate([[NO_LABEL], sample.labels, [NO_LABEL]])
        item = {
            "flips": torch.from_numpy(flips),
            "labels": torch.from_numpy(labels[windows + 1]),
            "around": torch.from_numpy(np.stack([labels[windows], labels[windows + 2]], axis=1)),
            "order": torch.tensor(order),
        }
        if self.encoded:
            item["corners"] = torch.tensor(corners)
        for name, store in self._stores.items():
            if self.encoded:
                frames = [
                    store.read_encoded(sample.video, start, self.clip_length) for start in starts
                ]
                item |= joined(name, frames)
            else:
                clips = [
                    crop(store.read(sample.video, start, self.clip_length), self._crop, *at)
                    for start, at in zip(starts, corners, strict=True)
                ]
                item[name] = torch.from_numpy(np.stack(clips))
        return item

    def blank(self) -> dict[str, Tensor]:
        """A sample of the right names, shapes and types that shows nothing."""
        R, L, S = self._clips_per_video, self.clip_length, self._crop
        item = {
            "flips": torch.zeros(R, dtype=torch.bool),
            "labels": torch.zeros(R, dtype=torch.int64),
            "around": torch.zeros((R, 2), dtype=torch.int64),
            "order": torch.tensor(NO_ORDER),
        }
        if self.encoded:
            item["corners"] = torch.zeros((R, 2), dtype=torch.int64)
        for name, store in self._stores.items():
            if self.encoded:
                item |= joined(name, [[np.zeros(0, np.uint8)] * L] * R)
            else:
                item[name] = torch.zeros((R, L, S, S, CHANNELS[store.modality]), dtype=torch.uint8)
        return item

    def decoded(self, batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
        """A batch whose clips are JPEG, on a device and with the clips decoded there."""
        moved = {
            name: tensor.to(device, non_blocking=True)
            for name, tensor in batch.items()
            if not name.endswith(("_jpeg", "_sizes", "corners"))
        }
        for name, store in self._stores.items():
            moved[name] = decode_clips(
                batch[f"{name}_jpeg"],
                batch[f"{name}_sizes"],
                batch["corners"],
                store.modality,
                self._crop,
                device,
            )
        return moved

    def _draw(self, sample: LabelledVideo, rng: np.random.Generator) -> list[tuple[int, int]]:
        """(start, window) of each clip."""
        frames = self._store.length(sample.video)
        R, L = self._clips_per_video, self.clip_length
        if not self._training:
            return on_windows(uniform_starts(frames, L, R), sample, frames, L)
        if self._clip_gap is None:
            return draw_clips(sample, frames, L, R, rng, self.repeat, self._jitter)
        starts = ordered_starts(frames, L, R, self._clip_gap, rng)
        return on_windows(starts, sample, frames, L, self._jitter)

    def _corner(self, rng: np.random.Generator) -> tuple[int, int]:
        """Top and left edge of a crop: a random one, or to watch the one in the centre."""
        height, width = self._store.recipe["size"]
        down, right = height - self._crop, width - self._crop
        if not self._training:
            return down // 2, right // 2
        return int(rng.integers(down + 1)), int(rng.integers(right + 1))
