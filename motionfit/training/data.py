"""The dataset of a training: clips of labelled videos."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import permutations
from math import factorial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from motionfit.clips.augmentation import Changes, augmented, draw_changes
from motionfit.clips.encoding import Clips, DecodedClips, EncodedClips
from motionfit.clips.loading import UnreadableVideo
from motionfit.clips.sampling import (
    LabelledVideo,
    clips_on_windows,
    ordered_starts,
    random_clips,
    uniform_starts,
)
from motionfit.clips.transforms import crop
from motionfit.config import Augmentation
from motionfit.datasets.index import stable_hash
from motionfit.errors import MotionFitError
from motionfit.modality import CHANNELS
from motionfit.store.clips import ClipStore
from motionfit.training.losses import NO_LABEL, NO_ORDER

NO_AUGMENTATION = Augmentation()


class LabelledVideos(Sequence[LabelledVideo]):
    """Labelled videos in a few flat arrays, which are quick to send to a worker process. As single
    objects, the videos of a large data set would cost each worker seconds and memory."""

    def __init__(self, videos: Iterable[LabelledVideo]):
        videos = list(videos)
        self._names = [video.video for video in videos]
        self._offsets = np.cumsum([0, *(len(video.starts) for video in videos)])
        self._columns = {
            name: np.concatenate([getattr(video, name) for video in videos] or [np.zeros(0)])
            for name in ("starts", "lengths", "labels", "weights")
        }

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, i: int) -> LabelledVideo:
        i = range(len(self))[i]
        windows = slice(self._offsets[i], self._offsets[i + 1])
        return LabelledVideo(
            self._names[i], **{name: values[windows] for name, values in self._columns.items()}
        )


def balanced(videos: Sequence[LabelledVideo]) -> list[LabelledVideo]:
    """The videos with weights under which every label is sampled equally often.

    The weight of a window is its length divided by the total length of all windows with its label.
    """
    totals: Counter[int] = Counter()
    for video in videos:
        for label, length in zip(video.labels.tolist(), video.lengths.tolist(), strict=True):
            totals[label] += length
    return [
        replace(v, weights=v.lengths / np.array([totals[label] for label in v.labels.tolist()]))
        for v in videos
    ]


class Draw(NamedTuple):
    """Key of a sample in `MultiClipDataset`."""

    video: int
    """Index of the video."""
    epoch: int = 0
    repetition: int = 0
    """How many times the video was already drawn in this epoch."""


class Sample(NamedTuple):
    """R clips of a video. In a batch (`Batch`), all tensors have a dimension B in front."""

    clips: Clips
    flips: Tensor
    """(R,) bool: whether to mirror each clip."""
    labels: Tensor
    """(R,) int64."""
    neighbour_labels: Tensor
    """(R, 2) int64: labels of the windows before and after; NO_LABEL if there is none."""
    order: Tensor
    """() int64: which permutation the clips are in, for `clip_order_loss`."""
    teacher_clips: Clips | None = None
    """The same clips, with the same crops, for the teacher."""
    changes: Tensor | None = None
    """(R, 9): the random changes of each clip (`clips.augmentation.Changes`)."""

    def on_device(self, device: torch.device) -> "Sample":
        """A batch on a device, with clips that are decoded and changed."""
        return Sample(
            self._changed(self.clips.on_device(device)),
            self.flips.to(device, non_blocking=True),
            self.labels.to(device, non_blocking=True),
            self.neighbour_labels.to(device, non_blocking=True),
            self.order.to(device, non_blocking=True),
            None
            if self.teacher_clips is None
            else self._changed(self.teacher_clips.on_device(device)),
        )

    def _changed(self, clips: DecodedClips) -> DecodedClips:
        if self.changes is None:
            return clips
        return DecodedClips(augmented(clips.pixels, self.changes))


Batch = Sample
"""The samples of B videos."""


class MultiClipDataset(Dataset):
    """R clips of each video; `dataset[draw]` is a `Sample`, or an `UnreadableVideo` if a clip can't
    be read.

    With `training`, clips, crops and flips are random, and depend on the seed and the `Draw` alone.
    For validation, clips are spread evenly, crops are central, and nothing is flipped.

    Parameters
    ----------
    clip_gap : int or None
        Take the clips of a video one after the other, this many frames apart, and shuffle them.
        None takes independent clips, which have no order.
    teacher : ClipStore or None
        Where to read `teacher_clips`; its frames have the same size as those of `store`.
    weighted : bool
        Sample videos and windows by their weights, with replacement.
    encoded : bool
        Leave the clips as JPEG (`EncodedClips`).
    jitter : int
        Largest distance in frames between a clip and its window, see `start_ranges`.
    augmentation : Augmentation
        Random changes of the clips in training.
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
        weighted: bool = False,
        encoded: bool = False,
        jitter: int = 0,
        augmentation: Augmentation = NO_AUGMENTATION,
    ):
        self._store = store
        self._teacher = teacher
        self.videos = LabelledVideos(videos)
        self.clip_length = clip_length
        self._clips_per_video = clips_per_video
        self._crop = crop
        self._flip = flip
        self._seed = seed
        self._training = training
        self._clip_gap = clip_gap
        self._jitter = jitter
        self._encoded = encoded
        self._augmentation = augmentation if training and augmentation != NO_AUGMENTATION else None
        self.weighted = weighted

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, draw: Draw) -> Sample | UnreadableVideo:
        try:
            return self._sample(draw)
        except (MotionFitError, OSError) as error:
            return UnreadableVideo(self.videos[draw.video].video, str(error))

    def _sample(self, draw: Draw) -> Sample:
        video = self.videos[draw.video]
        R = self._clips_per_video
        rng = self._generator(draw)
        positions = self._positions(video, rng)
        order = NO_ORDER
        if self._clip_gap is not None and len({start for start, _ in positions}) == R:
            order = int(rng.integers(factorial(R)))
            positions = [positions[k] for k in list(permutations(range(R)))[order]]
        starts = [start for start, _ in positions]
        corners = [self._corner(rng) for _ in starts]
        flips = rng.random(R) < 0.5 if self._flip and self._training else np.zeros(R, bool)
        windows = np.array([window for _, window in positions])
        labels = np.concatenate([[NO_LABEL], video.labels, [NO_LABEL]])
        changes = None
        if self._augmentation:
            changes = torch.tensor([draw_changes(self._augmentation, rng) for _ in starts])
        return Sample(
            self._read(self._store, video.video, starts, corners),
            torch.from_numpy(flips),
            torch.from_numpy(labels[windows + 1]),
            torch.from_numpy(np.stack([labels[windows], labels[windows + 2]], axis=1)),
            torch.tensor(order),
            self._read(self._teacher, video.video, starts, corners) if self._teacher else None,
            changes,
        )

    def _generator(self, draw: Draw) -> np.random.Generator:
        name = self.videos[draw.video].video
        seed = [self._seed, draw.epoch if self._training else 0, stable_hash(name)]
        return np.random.default_rng([*seed, draw.repetition] if draw.repetition else seed)

    def _positions(self, video: LabelledVideo, rng: np.random.Generator) -> list[tuple[int, int]]:
        """(start, window) of each clip."""
        frames = self._store.length(video.video)
        R, L = self._clips_per_video, self.clip_length
        if not self._training:
            return clips_on_windows(uniform_starts(frames, L, R), video, frames, L)
        if self._clip_gap is None:
            return random_clips(video, frames, L, R, rng, self.weighted, self._jitter)
        starts = ordered_starts(frames, L, R, self._clip_gap, rng)
        return clips_on_windows(starts, video, frames, L, self._jitter)

    def _corner(self, rng: np.random.Generator) -> tuple[int, int]:
        """Top and left edge of a crop."""
        height, width = self._store.recipe["size"]
        max_top, max_left = height - self._crop, width - self._crop
        if not self._training:
            return max_top // 2, max_left // 2
        return int(rng.integers(max_top + 1)), int(rng.integers(max_left + 1))

    def _read(
        self, store: ClipStore, video: str, starts: list[int], corners: list[tuple[int, int]]
    ) -> Clips:
        if self._encoded:
            encoded = [store.read_encoded(video, start, self.clip_length) for start in starts]
            return EncodedClips.join(encoded, corners, self._crop, store.modality)
        clips = [
            crop(store.read(video, start, self.clip_length), self._crop, *corner)
            for start, corner in zip(starts, corners, strict=True)
        ]
        return DecodedClips(torch.from_numpy(np.stack(clips)))

    def empty_batch(self) -> Batch:
        """A batch of no videos."""
        R = self._clips_per_video
        return Batch(
            self._no_clips(self._store),
            torch.zeros((0, R), dtype=torch.bool),
            torch.zeros((0, R), dtype=torch.int64),
            torch.zeros((0, R, 2), dtype=torch.int64),
            torch.zeros(0, dtype=torch.int64),
            self._no_clips(self._teacher) if self._teacher else None,
            torch.zeros((0, R, len(Changes._fields))) if self._augmentation else None,
        )

    def _no_clips(self, store: ClipStore) -> Clips:
        R, L, S = self._clips_per_video, self.clip_length, self._crop
        if self._encoded:
            return EncodedClips(
                torch.zeros(0, dtype=torch.uint8),
                torch.zeros((0, R, L), dtype=torch.int64),
                torch.zeros((0, R, 2), dtype=torch.int64),
                S,
                store.modality,
            )
        shape = (0, R, L, S, S, CHANNELS[store.modality])
        return DecodedClips(torch.zeros(shape, dtype=torch.uint8))
