"""Running a network on stored clips, without training it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from motionfit.clips.loading import (
    UnreadableVideo,
    loader_options,
    stop_signals_blocked,
    worker_failures,
)
from motionfit.clips.transforms import network_input, read_centre_clips
from motionfit.errors import MotionFitError
from motionfit.models import SavedModel
from motionfit.store.clips import ClipStore

MAX_PIXELS = 32 * 64 * 112**2
"""Largest number of pixels in a batch: 32 clips of 64 frames of 112x112 pixels, or 8 clips of
224x224. S3D-G takes about 0.5 GB for each of these 8."""

ClipPosition = tuple[str, int]
"""A clip: its video and its first frame."""


class CentreClips(Dataset):
    """Centre-cropped clips, (L, S, S, C) uint8 each, in the order of their positions."""

    def __init__(self, store: ClipStore, positions: Sequence[ClipPosition], about: SavedModel):
        self._store = store
        self._positions = positions
        self._about = about

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, i: int) -> Tensor | UnreadableVideo:
        video, start = self._positions[i]
        about = self._about
        try:
            clips = read_centre_clips(self._store, video, [start], about.clip_length, about.crop)
        except (MotionFitError, OSError) as error:
            return UnreadableVideo(video, str(error))
        return torch.from_numpy(clips[0])


def clip_outputs(
    function: Callable[[Tensor], Tensor],
    about: SavedModel,
    store: ClipStore,
    starts: Mapping[str, Sequence[int]],
    device: torch.device,
    threads: int,
    batch_size: int = 32,
) -> dict[str, np.ndarray]:
    """Applies `function` to the network input of clips of many videos.

    `starts` maps each video to the first frames of its T clips; the result maps it to the outputs,
    (T, ...) float32. A start that is repeated, as in a short video, is computed once.

    Raises MotionFitError like `outputs_at`.
    """
    if not starts:
        return {}
    positions = {
        video: [(video, int(start)) for start in video_starts]
        for video, video_starts in starts.items()
    }
    distinct = list(
        dict.fromkeys(
            position for video_positions in positions.values() for position in video_positions
        )
    )
    outputs = outputs_at(function, about, store, distinct, device, threads, batch_size)
    row_of = {position: row for row, position in enumerate(distinct)}
    return {
        video: outputs[[row_of[position] for position in video_positions]]
        for video, video_positions in positions.items()
    }


@torch.inference_mode()
def outputs_at(
    function: Callable[[Tensor], Tensor],
    about: SavedModel,
    store: ClipStore,
    positions: Sequence[ClipPosition],
    device: torch.device,
    threads: int,
    batch_size: int = 32,
) -> np.ndarray:
    """(N, ...) float32: the output of `function` for the network input of the clips at N positions.

    On a GPU, `threads` worker processes read the clips.

    Raises MotionFitError if a clip can't be read. Training skips such a video, but here the
    features or measures would silently be those of fewer videos.
    """
    batch_size = min(batch_size, max_batch_size(about))
    batch_count = -(-len(positions) // batch_size)
    workers = min(threads, batch_count) if device.type == "cuda" else 0
    loader = DataLoader(
        CentreClips(store, positions, about),
        batch_size,
        collate_fn=collate,
        **loader_options(workers),
    )
    outputs = []
    with worker_failures():
        with stop_signals_blocked():
            batches = iter(loader)
        for batch in batches:
            if isinstance(batch, UnreadableVideo):
                raise MotionFitError(batch.reason)
            x = network_input(batch.to(device, non_blocking=True), about.modality)
            outputs.append(function(x).float().cpu().numpy())
    return np.concatenate(outputs)


def collate(clips: list[Tensor | UnreadableVideo]) -> Tensor | UnreadableVideo:
    """A batch of clips, or the first video that can't be read."""
    unreadable = [clip for clip in clips if isinstance(clip, UnreadableVideo)]
    return unreadable[0] if unreadable else torch.stack(clips)


def max_batch_size(about: SavedModel) -> int:
    """Number of clips in a batch that fits in memory, at least one."""
    return max(1, MAX_PIXELS // (about.clip_length * about.crop**2))


def check_finite(outputs: np.ndarray, model: Path) -> None:
    """Raises MotionFitError if an output of the model is infinite or NaN."""
    if not np.isfinite(outputs).all():
        raise MotionFitError(
            f"{model} gives numbers that are not finite: its training has diverged. Lower its "
            "training.learning_rate in the config and run again"
        )
