"""Running a network over the clips of many videos, read as for training."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from motionfit.errors import MotionFitError
from motionfit.models import SavedModel
from motionfit.store.clips import ClipStore
from motionfit.training.batches import readers, reading, signals_held
from motionfit.training.clips import centre_clips, network_input
from motionfit.training.data import BadRecord

PIXELS = 32 * 64 * 112**2
"""Pixels of the clips of a batch at most: 32 clips of 64 frames of 112 pixels, or 8 of 224. S3D-G
takes some 0.5 GB for each of these 8."""

Place = tuple[str, int]
"""A clip: its video, and its first frame."""


class CentreClips(Dataset):
    """Centre-cropped clips, (L, S, S, C) uint8 each, in the order of their places."""

    def __init__(self, store: ClipStore, places: Sequence[Place], about: SavedModel):
        self._store = store
        self._places = places
        self._about = about

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: int) -> Tensor | BadRecord:
        video, start = self._places[i]
        about = self._about
        try:
            clips = centre_clips(self._store, video, [start], about.clip_length, about.crop)
        except (MotionFitError, OSError) as error:
            return BadRecord(video, str(error))
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
    """Video to (T, ...) float32: what `function` gives of the network input of each of its clips,
    which begin at `starts`, T of each video. A start that comes several times, as in a short video,
    is computed once and has an output for each time.

    Raises MotionFitError as `outputs_of_places` does.
    """
    if not starts:
        return {}
    places = {
        video: [(video, int(start)) for start in of_video] for video, of_video in starts.items()
    }
    distinct = list(dict.fromkeys(place for of_video in places.values() for place in of_video))
    outputs = outputs_of_places(function, about, store, distinct, device, threads, batch_size)
    row_of = {place: row for row, place in enumerate(distinct)}
    return {
        video: outputs[[row_of[place] for place in of_video]] for video, of_video in places.items()
    }


@torch.inference_mode()
def outputs_of_places(
    function: Callable[[Tensor], Tensor],
    about: SavedModel,
    store: ClipStore,
    places: Sequence[Place],
    device: torch.device,
    threads: int,
    batch_size: int = 32,
) -> np.ndarray:
    """(N, ...) float32: what `function` gives of the network input of each of N clips; by batches
    that `threads` processes read where the device is a GPU.

    Raises MotionFitError where a clip can't be read: unlike a training, which goes on without it,
    features or measures would silently be of fewer videos.
    """
    batch_size = min(batch_size, fitting(about))
    steps = -(-len(places) // batch_size)
    workers = min(threads, steps) if device.type == "cuda" else 0
    data = DataLoader(
        CentreClips(store, places, about), batch_size, collate_fn=joined, **reading(workers)
    )
    outputs = []
    with readers():
        with signals_held():
            batches = iter(data)
        for batch in batches:
            if isinstance(batch, BadRecord):
                raise MotionFitError(batch.reason)
            x = network_input(batch.to(device, non_blocking=True), about.modality)
            outputs.append(function(x).float().cpu().numpy())
    return np.concatenate(outputs)


def check_finite(outputs: np.ndarray, model: Path) -> None:
    """Raises MotionFitError where what a network gives is no number."""
    if not np.isfinite(outputs).all():
        raise MotionFitError(
            f"{model} gives numbers that are not finite: its training has diverged. Lower its "
            "training.learning_rate in the config and run again"
        )


def fitting(about: SavedModel) -> int:
    """Clips of a batch that fit into memory, one at least."""
    return max(1, PIXELS // (about.clip_length * about.crop**2))


def joined(clips: list[Tensor | BadRecord]) -> Tensor | BadRecord:
    """A batch of clips; where one can't be read, what there is to tell of it."""
    bad = [clip for clip in clips if isinstance(clip, BadRecord)]
    return bad[0] if bad else torch.stack(clips)
