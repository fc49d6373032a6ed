"""Recognition: the class of a video from several of its clips."""

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
"""Pixels of the clips that a network sees at a time on a CPU: two clips of 16 frames of 112 pixels,
for which R(2+1)D-18 takes 0.2 GB. Ten at a time take 1 GB more, and save a tenth of the time."""


class ClipsOfVideo(NamedTuple):
    """What a video is recognised by."""

    clips: np.ndarray
    """(N, L, S, S, C) uint8: its different clips, centre-cropped."""
    weights: np.ndarray
    """(N,): how often each counts; of a short video some count several times."""


def chosen_starts(frames: int, clip_length: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """First frames (N,) of the different ones of `count` evenly spread clips of a video, and how
    often each comes (N,)."""
    return np.unique(uniform_starts(frames, clip_length, count), return_counts=True)


@torch.inference_mode()
def video_probabilities(
    network: VideoNetwork, about: SavedModel, video: ClipsOfVideo, device: torch.device
) -> np.ndarray:
    """(K,) class probabilities of a video: the mean of its clips' softmax.

    The network sees the clips of one video at a time, so that a video's probabilities do not depend
    on what else is classified.
    """
    probabilities = []
    for clips in torch.from_numpy(video.clips).split(clips_at_once(about, device)):
        logits = network(network_input(clips.to(device, non_blocking=True), about.modality))
        probabilities.append(logits.float().softmax(dim=1).cpu().numpy())
    return np.average(np.concatenate(probabilities), axis=0, weights=video.weights)


def clips_at_once(about: SavedModel, device: torch.device) -> int:
    """Clips of a video that the network sees at a time: on a CPU few, to save memory."""
    if device.type != "cpu":
        return max_batch_size(about)
    return max(1, CPU_PIXELS // (about.clip_length * about.crop**2))


class StoredVideos(Dataset):
    """What stored videos are recognised by, in the order of their ids."""

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
    """What each video is recognised by, read by `threads` processes where the device is a GPU.

    Raises MotionFitError where a clip can't be read: a measure would be of fewer videos.
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
    """For a loader that is to leave arrays as they are."""
    return video
