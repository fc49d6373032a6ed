"""The dataset of a training: clips of labelled videos."""

from collections.abc import Iterable, Sequence
from itertools import permutations
from math import factorial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from motionfit.clips.augmentation import augmented, draw_changes
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
from motionfit.config import Augmentation, SelfTraining, Training
from motionfit.datasets.index import stable_hash
from motionfit.errors import MotionFitError
from motionfit.modality import CHANNELS
from motionfit.store.clips import ClipStore
from motionfit.training.losses import NO_LABEL, NO_ORDER


class LabelledVideos(Sequence[LabelledVideo]):
    """Labelled videos in a few flat arrays, which are quick to send to a worker process. As single
    objects, the videos of a large data set would cost each worker seconds and memory."""

    def __init__(self, videos: Iterable[LabelledVideo], balanced: bool):
        """`balanced`: sample every label equally often, by weights in place of those of the videos.
        The weight of a window is its length divided by the total length of all windows with its
        label."""
        videos = list(videos)
        self._names = [video.video for video in videos]
        self._offsets = np.cumsum([0, *(len(video.starts) for video in videos)])
        self._columns = {
            name: np.concatenate([getattr(video, name) for video in videos] or [np.zeros(0)])
            for name in ("starts", "lengths", "labels", "weights")
        }
        if balanced:
            lengths, labels = self._columns["lengths"], self._columns["labels"]
            self._columns["weights"] = lengths / np.bincount(labels, lengths)[labels]

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, i: int) -> LabelledVideo:
        i = range(len(self))[i]
        windows = slice(self._offsets[i], self._offsets[i + 1])
        return LabelledVideo(
            self._names[i], **{name: values[windows] for name, values in self._columns.items()}
        )


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
    changes: Tensor
    """(R, 9): the random changes of each clip (`clips.augmentation.Changes`), or (R, 0)."""
    teacher_clips: Clips | None = None
    """The same clips, with the same crops, for the teacher."""

    def on_device(self, device: torch.device) -> "Sample":
        """A batch on a device, with clips that are decoded and changed."""
        clips, *tensors, teacher_clips = self
        return Sample(
            augmented(clips.on_device(device), self.changes),
            *(tensor.to(device, non_blocking=True) for tensor in tensors),
            None
            if teacher_clips is None
            else augmented(teacher_clips.on_device(device), self.changes),
        )


Batch = Sample
"""The samples of B videos."""


class MultiClipDataset(Dataset):
    """R clips of each video; `dataset[draw]` is a `Sample`, or an `UnreadableVideo` if a clip can't
    be read.

    With `training`, clips, crops and flips are random, and depend on the seed and the `Draw` alone.
    For validation, clips are spread evenly, crops are central, and nothing is flipped.

    Parameters
    ----------
    recipe : Training
        How clips are drawn. With `clip_gap`, those of a video follow each other and are shuffled.
        With `balanced`, videos and windows are sampled by their weights, with replacement.
    teacher : ClipStore or None
        Where to read `teacher_clips`; its frames have the same size as those of `store`.
    encoded : bool
        Leave the clips as JPEG (`EncodedClips`).
    """

    def __init__(
        self,
        store: ClipStore,
        videos: Sequence[LabelledVideo],
        clip_length: int,
        recipe: Training,
        training: bool,
        teacher: ClipStore | None = None,
        encoded: bool = False,
    ):
        self_training = recipe if isinstance(recipe, SelfTraining) else SelfTraining()
        self.weighted = training and self_training.balanced
        self.videos = LabelledVideos(videos, self.weighted)
        self.clip_length = clip_length
        self._store = store
        self._teacher = teacher
        self._recipe = recipe
        self._jitter = self_training.jitter
        self._training = training
        self._encoded = encoded
        changing = training and recipe.augmentation != Augmentation()
        self._augmentation = recipe.augmentation if changing else None

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, draw: Draw) -> Sample | UnreadableVideo:
        try:
            return self._sample(draw)
        except (MotionFitError, OSError) as error:
            return UnreadableVideo(self.videos[draw.video].video, str(error))

    def _sample(self, draw: Draw) -> Sample:
        video = self.videos[draw.video]
        R = self._recipe.clips_per_video
        rng = self._generator(draw)
        positions = self._positions(video, rng)
        order = NO_ORDER
        if self._recipe.clip_gap is not None and len({start for start, _ in positions}) == R:
            order = int(rng.integers(factorial(R)))
            positions = [positions[k] for k in list(permutations(range(R)))[order]]
        starts = [start for start, _ in positions]
        corners = [self._corner(rng) for _ in starts]
        flips = rng.random(R) < 0.5 if self._recipe.flip and self._training else np.zeros(R, bool)
        windows = np.array([window for _, window in positions])
        labels = np.concatenate([[NO_LABEL], video.labels, [NO_LABEL]])
        changes = torch.zeros(R, 0)
        if self._augmentation:
            changes = torch.tensor([draw_changes(self._augmentation, rng) for _ in starts])
        return Sample(
            self._read(self._store, video.video, starts, corners),
            torch.from_numpy(flips),
            torch.from_numpy(labels[windows + 1]),
            torch.from_numpy(np.stack([labels[windows], labels[windows + 2]], axis=1)),
            torch.tensor(order),
            changes,
            self._read(self._teacher, video.video, starts, corners) if self._teacher else None,
        )

    def _generator(self, draw: Draw) -> np.random.Generator:
        name = self.videos[draw.video].video
        seed = [self._recipe.seed, draw.epoch if self._training else 0, stable_hash(name)]
        return np.random.default_rng([*seed, draw.repetition] if draw.repetition else seed)

    def _positions(self, video: LabelledVideo, rng: np.random.Generator) -> list[tuple[int, int]]:
        """(start, window) of each clip."""
        frames = self._store.length(video.video)
        R, L = self._recipe.clips_per_video, self.clip_length
        if not self._training:
            return clips_on_windows(uniform_starts(frames, L, R), video, frames, L)
        if self._recipe.clip_gap is None:
            return random_clips(video, frames, L, R, rng, self.weighted, self._jitter)
        starts = ordered_starts(frames, L, R, self._recipe.clip_gap, rng)
        return clips_on_windows(starts, video, frames, L, self._jitter)

    def _corner(self, rng: np.random.Generator) -> tuple[int, int]:
        """Top and left edge of a crop."""
        height, width = self._store.recipe["size"]
        max_top, max_left = height - self._recipe.crop, width - self._recipe.crop
        if not self._training:
            return max_top // 2, max_left // 2
        return int(rng.integers(max_top + 1)), int(rng.integers(max_left + 1))

    def _read(
        self, store: ClipStore, video: str, starts: list[int], corners: list[tuple[int, int]]
    ) -> Clips:
        if self._encoded:
            encoded = [store.read_encoded(video, start, self.clip_length) for start in starts]
            return EncodedClips.join(encoded, corners, self._recipe.crop, store.modality)
        clips = [
            crop(store.read(video, start, self.clip_length), self._recipe.crop, *corner)
            for start, corner in zip(starts, corners, strict=True)
        ]
        return DecodedClips(torch.from_numpy(np.stack(clips)))

    def collate(
        self, samples: Sequence[Sample | UnreadableVideo]
    ) -> tuple[Batch, list[UnreadableVideo]]:
        """A batch of the samples that could be read, which may be none, and the other videos."""
        unreadable = [sample for sample in samples if isinstance(sample, UnreadableVideo)]
        readable = [sample for sample in samples if isinstance(sample, Sample)]
        return (stack(readable) if readable else self._empty_batch()), unreadable

    def _empty_batch(self) -> Batch:
        R = self._recipe.clips_per_video
        return Batch(
            self._no_clips(self._store),
            torch.zeros((0, R), dtype=torch.bool),
            torch.zeros((0, R), dtype=torch.int64),
            torch.zeros((0, R, 2), dtype=torch.int64),
            torch.zeros(0, dtype=torch.int64),
            torch.zeros((0, R, 0)),
            self._no_clips(self._teacher) if self._teacher else None,
        )

    def _no_clips(self, store: ClipStore) -> DecodedClips:
        R, L, S = self._recipe.clips_per_video, self.clip_length, self._recipe.crop
        shape = (0, R, L, S, S, CHANNELS[store.modality])
        return DecodedClips(torch.zeros(shape, dtype=torch.uint8))


def stack(samples: list[Sample]) -> Batch:
    """A batch of the samples of at least one video."""
    clips, *tensors, teacher_clips = zip(*samples, strict=True)
    return Batch(
        type(clips[0]).stack(clips),
        *(default_collate(values) for values in tensors),
        None if teacher_clips[0] is None else type(teacher_clips[0]).stack(teacher_clips),
    )
