"""Recognition: classifies a video by several of its clips."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from motionfit.clips.loading import UnreadableVideo, loader_options, worker_failures
from motionfit.clips.sampling import uniform_starts
from motionfit.clips.transforms import network_input, read_centre_clips
from motionfit.errors import MotionFitError
from motionfit.inference import max_batch_size
from motionfit.models import SavedModel
from motionfit.models.network import VideoNetwork
from motionfit.store.clips import ClipStore

CPU_PIXELS = 2 * 16 * 112**2
"""Pixels of the clips in one batch on a CPU: two clips of 16 frames of 112x112 pixels, for which
R(2+1)D-18 needs 0.2 GB. A batch of ten clips needs 1 GB more and saves a tenth of the time."""


class ClipsOfVideo(NamedTuple):
    """The clips that a video is classified by."""

    clips: np.ndarray
    """(N, L, S, S, C) uint8: the distinct clips, centre-cropped."""
    weights: np.ndarray
    """(N,): how often each clip counts. In a short video, some clips count several times."""


def chosen_starts(frames: int, clip_length: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Spreads `count` clips evenly over a video. Returns the first frame (N,) of each distinct clip
    and how often it occurs (N,)."""
    return np.unique(uniform_starts(frames, clip_length, count), return_counts=True)


@torch.inference_mode()
def video_probabilities(
    network: VideoNetwork, about: SavedModel, video: ClipsOfVideo, device: torch.device
) -> np.ndarray:
    """Class probabilities (K,) of a video: the weighted mean of the softmax of its clips.

    A batch holds clips of one video only, so that a video's probabilities do not depend on which
    other videos are classified.
    """
    probabilities = []
    for clips in torch.from_numpy(video.clips).split(clips_at_once(about, device)):
        logits = network(network_input(clips.to(device, non_blocking=True), about.modality))
        probabilities.append(logits.float().softmax(dim=1).cpu().numpy())
    return np.average(np.concatenate(probabilities), axis=0, weights=video.weights)


def clips_at_once(about: SavedModel, device: torch.device) -> int:
    """Number of clips in one batch: few on a CPU, to save memory."""
    if device.type != "cpu":
        return max_batch_size(about)
    return max(1, CPU_PIXELS // (about.clip_length * about.crop**2))


class StoredVideos(Dataset):
    """The clips that stored videos are classified by, in the order of `videos`."""

    def __init__(self, store: ClipStore, videos: Sequence[str], about: SavedModel, count: int):
        self._store = store
        self._videos = list(videos)
        self._about = about
        self._count = count

    def __len__(self) -> int:
        return len(self._videos)

    def __getitem__(self, i: int) -> ClipsOfVideo | UnreadableVideo:
        video, about = self._videos[i], self._about
        length = self._store.length(video)
        starts, weights = chosen_starts(length, about.clip_length, self._count)
        try:
            clips = read_centre_clips(
                self._store, video, starts.tolist(), about.clip_length, about.crop
            )
        except (MotionFitError, OSError) as error:
            return UnreadableVideo(video, str(error))
        return ClipsOfVideo(clips, weights)


def read_in_advance(videos: StoredVideos, device: torch.device, threads: int) -> Iterator:
    """Yields the clips of each video. If the device is a GPU, `threads` processes read them in
    advance.

    Raises MotionFitError if a clip can't be read: otherwise the accuracy would be of fewer videos.
    """
    workers = min(threads, len(videos)) if device.type == "cuda" else 0
    with worker_failures():
        for video in DataLoader(
            videos, batch_size=None, collate_fn=unchanged, **loader_options(workers)
        ):
            if isinstance(video, UnreadableVideo):
                raise MotionFitError(video.reason)
            yield video


def unchanged(video: ClipsOfVideo | UnreadableVideo) -> ClipsOfVideo | UnreadableVideo:
    """A collate function that does not convert the arrays to tensors."""
    return video
