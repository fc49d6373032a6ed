"""From multi-clips to batches: their order, their share of each process, and the reading of them.

Everything that is drawn follows from the seed and the epoch, and a batch from the order of the
epoch: so a training that was interrupted in the middle of an epoch goes on with the very batch that
came next, and neither the number of processes that train nor of those that read changes what is
seen.
"""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler, default_collate

from motionfit.errors import MotionFitError
from motionfit.training.data import BadRecord, Draw, MultiClips
from motionfit.training.signals import SIGNALS

PATIENCE = 600
"""Seconds that a worker process may take for a batch before the training gives up on it."""


class Batches(Sampler[list[Draw]]):
    """The parts of the batches of an epoch that fall to one process of several.

    A batch of `batch_size` videos is cut into `accumulate` parts, computed one after the other, and
    each part is dealt out to the `world` processes; the last batch may be smaller, and a process
    may get none of it. Together the processes see each draw of the epoch exactly once. With a
    `seed` the order is drawn anew for each epoch; without, it is that of the videos.
    """

    def __init__(
        self,
        clips: MultiClips,
        batch_size: int,
        accumulate: int = 1,
        seed: int | None = None,
        rank: int = 0,
        world: int = 1,
    ):
        self._clips = clips
        self._batch_size = batch_size
        self._accumulate = accumulate
        self._seed = seed
        self._rank = rank
        self._world = world
        self._epoch = self._first = 0
        self.steps = -(-len(clips) // batch_size)
        """Batches an epoch."""

    def begin(self, epoch: int, first: int = 0) -> None:
        """What comes next is `epoch`, from its batch number `first` (counted from 0) on."""
        self._epoch, self._first = epoch, first

    def parts(self, step: int) -> int:
        """Number of parts of a batch: fewer where it is small."""
        videos = min(self._batch_size, len(self._clips) - step * self._batch_size)
        return -(-videos * self._accumulate // self._batch_size)

    @property
    def smallest(self) -> int:
        """Videos of the smallest part of a batch, in all processes together."""
        sizes = {
            step: min(self._batch_size, len(self._clips) - step * self._batch_size)
            for step in (0, self.steps - 1)
        }
        return min(videos // self.parts(step) for step, videos in sizes.items())

    def __len__(self) -> int:
        return sum(self.parts(step) for step in range(self._first, self.steps))

    def __iter__(self) -> Iterator[list[Draw]]:
        draws = self._draws()
        for step in range(self._first, self.steps):
            batch = draws[step * self._batch_size : (step + 1) * self._batch_size]
            for part in np.array_split(np.arange(len(batch)), self.parts(step)):
                yield [batch[i] for i in part[self._rank :: self._world]]

    def _draws(self) -> list[Draw]:
        """Every video once; where they repeat, as many draws by the videos' weights, and each draw
        of a video is another."""
        if self._seed is None:
            return [Draw(i, self._epoch) for i in range(len(self._clips))]
        generator = torch.Generator().manual_seed(self._seed * 100_003 + self._epoch)
        count = len(self._clips)
        if not self._clips.repeat:
            order = torch.randperm(count, generator=generator).tolist()
            return [Draw(i, self._epoch) for i in order]
        weights = torch.tensor([float(video.weights.sum()) for video in self._clips.videos])
        drawn = torch.multinomial(weights, count, replacement=True, generator=generator).tolist()
        before: Counter[int] = Counter()
        draws = []
        for i in drawn:
            draws.append(Draw(i, self._epoch, before[i]))
            before[i] += 1
        return draws


class Collate:
    """Samples to a batch: tensors with a dimension B in front, and `bad`, the records among them
    that can't be read. B may be 0."""

    def __init__(self, clips: MultiClips):
        self._clips = clips

    def __call__(self, samples: list[dict[str, Any] | BadRecord]) -> dict[str, Any]:
        bad = [sample for sample in samples if isinstance(sample, BadRecord)]
        good = [sample for sample in samples if not isinstance(sample, BadRecord)]
        samples = good or [self._clips.blank()]
        batch = default_collate(
            [
                {name: sample[name] for name in sample if not name.endswith("_jpeg")}
                for sample in samples
            ]
        )
        if not good:
            batch = {name: tensor[:0] for name, tensor in batch.items()}
        for name in samples[0].keys() - batch.keys():
            batch[name] = torch.cat([sample[name] for sample in samples])
        return batch | {"bad": bad}


def loader(clips: MultiClips, batches: Batches, workers: int) -> DataLoader:
    """Reads batches, in processes of its own where there are `workers`."""
    return DataLoader(
        clips,
        batch_sampler=batches,
        collate_fn=Collate(clips),
        persistent_workers=workers > 0,
        **reading(workers),
    )


def reading(workers: int) -> dict[str, Any]:
    """Arguments of a loader that reads in so many processes of its own.

    These are started anew, not forked: a fork of a process that has threads and open files may
    wait for ever for a lock that no thread of it holds.
    """
    return {
        "num_workers": workers,
        "multiprocessing_context": "spawn" if workers else None,
        "timeout": PATIENCE if workers else 0,
        "pin_memory": torch.cuda.is_available(),
    }


@contextmanager
def signals_held() -> Iterator[None]:
    """For the start of processes that read. Ctrl-C and a scheduler's signals reach them too, from
    their first import on, and whoever they read for still needs them for the batch that it is at;
    it ends them (`close`), and they end when it is gone. So they are started with these signals
    blocked, which a process inherits. One that comes meanwhile is delivered after the block."""
    # It is started with the first of them, and would unblock Ctrl-C.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def close(data: DataLoader) -> None:
    """Ends the processes that read for a training. Python would do so as the program ends, by a
    signal that they have blocked, and wait for ever."""
    if data._iterator is not None:
        data._iterator._shutdown_workers()


@contextmanager
def readers() -> Iterator[None]:
    """Raises MotionFitError where a process that reads has died or hangs."""
    try:
        yield
    except RuntimeError as error:
        if "DataLoader" not in str(error):
            raise
        raise MotionFitError(
            f"a process that reads clips has died or hangs ({str(error).splitlines()[0]}): it may "
            "be out of memory, so give the job more (resources, mem_mb) or fewer threads; a "
            "training goes on from its last checkpoint when it runs again"
        ) from None
