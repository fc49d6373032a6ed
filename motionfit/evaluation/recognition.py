"""Recognition: classifies a video by several of its clips."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch

from motionfit.clips.sampling import uniform_starts
from motionfit.clips.transforms import network_input
from motionfit.inference import CentreClips, max_batch_size, read_in_advance
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


def stored_videos(
    store: ClipStore,
    videos: Iterable[str],
    about: SavedModel,
    count: int,
    device: torch.device,
    threads: int,
) -> Iterator[ClipsOfVideo]:
    """Yields the clips that stored videos are classified by. Raises MotionFitError like
    `read_in_advance`."""
    chosen = {v: chosen_starts(store.length(v), about.clip_length, count) for v in videos}
    positions = [(video, starts.tolist()) for video, (starts, _) in chosen.items()]
    read = read_in_advance(CentreClips(store, positions, about), device, threads)
    for clips, (_, weights) in zip(read, chosen.values(), strict=True):
        yield ClipsOfVideo(clips.numpy(), weights)
