"""Running a network on stored clips, without training it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(eq=False)
class CentreClips(Dataset):
    """Centre-cropped clips. An item is the clips of one video, (N, L, S, S, C) uint8."""

    store: ClipStore
    clips: Sequence[tuple[str, Sequence[int]]]
    """Videos, each with the first frames of its clips."""
    about: SavedModel

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, i: int) -> Tensor | UnreadableVideo:
        (video, starts), about = self.clips[i], self.about
        try:
            clips = read_centre_clips(self.store, video, starts, about.clip_length, about.crop)
        except (MotionFitError, OSError) as error:
            return UnreadableVideo(video, str(error))
        return torch.from_numpy(clips)


def read_in_advance(
    clips: CentreClips, device: torch.device, threads: int, batch_size: int = 1
) -> Iterator[Tensor]:
    """Yields the clips of `batch_size` items at a time, (N, L, S, S, C) uint8. If the device is a
    GPU, `threads` worker processes read them in advance.

    Raises MotionFitError if a clip can't be read. Training skips such a video, but here the
    features or measures would silently be those of fewer videos.
    """
    batch_count = -(-len(clips) // batch_size)
    workers = min(threads, batch_count) if device.type == "cuda" else 0
    loader = DataLoader(clips, batch_size, collate_fn=joined, **loader_options(workers))
    with worker_failures():
        with stop_signals_blocked():
            batches = iter(loader)
        for batch in batches:
            if isinstance(batch, UnreadableVideo):
                raise MotionFitError(batch.reason)
            yield batch


def joined(items: list[Tensor | UnreadableVideo]) -> Tensor | UnreadableVideo:
    """The clips of some items, or the first video that can't be read."""
    unreadable = [item for item in items if isinstance(item, UnreadableVideo)]
    return unreadable[0] if unreadable else torch.cat(items)


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

    Raises MotionFitError like `read_in_advance`.
    """
    if not starts:
        return {}
    positions = [(video, int(start)) for video, of_video in starts.items() for start in of_video]
    distinct = list(dict.fromkeys(positions))
    row_of = {position: row for row, position in enumerate(distinct)}
    outputs = outputs_at(function, about, store, distinct, device, threads, batch_size)
    ends = np.cumsum([len(of_video) for of_video in starts.values()])
    by_video = np.split(outputs[[row_of[position] for position in positions]], ends[:-1])
    return dict(zip(starts, by_video, strict=True))


@torch.inference_mode()
def outputs_at(
    function: Callable[[Tensor], Tensor],
    about: SavedModel,
    store: ClipStore,
    positions: Sequence[tuple[str, int]],
    device: torch.device,
    threads: int,
    batch_size: int = 32,
) -> np.ndarray:
    """(N, ...) float32: the output of `function` for the network input of the clips at N positions,
    each a video and a first frame.

    Raises MotionFitError like `read_in_advance`.
    """
    clips = CentreClips(store, [(video, [start]) for video, start in positions], about)
    outputs = []
    for batch in read_in_advance(clips, device, threads, min(batch_size, max_batch_size(about))):
        x = network_input(batch.to(device, non_blocking=True), about.modality)
        outputs.append(function(x).float().cpu().numpy())
    return np.concatenate(outputs)


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
