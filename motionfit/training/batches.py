"""The batches of an epoch: their order, the share of each process, and how they are loaded.

The order of an epoch depends on the seed and the epoch alone. A training that was interrupted in
the middle of an epoch therefore continues with exactly the next batch, and neither the number of
training processes nor the number of workers changes which samples a batch contains.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from motionfit.clips.loading import loader_options
from motionfit.signals import StopRequest
from motionfit.training.compute import Processes
from motionfit.training.data import Batch, Draw, MultiClipDataset
from motionfit.training.objective import Counts, Objective


@dataclass(eq=False)
class Batches(Sampler[list[Draw]]):
    """The share of one process in the batches of an epoch.

    A batch of `batch_size` videos is cut into `accumulate` parts, which are computed one after the
    other. Each part is divided among `world_size` processes. The last batch may be smaller, and a
    process may get none of it. Together, the processes see every draw of the epoch exactly once.
    With a `seed`, every epoch has another random order; without, videos keep their order.
    """

    dataset: MultiClipDataset
    batch_size: int
    accumulate: int = 1
    seed: int | None = None
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        self._epoch = self._first_step = 0
        self.steps = -(-len(self.dataset) // self.batch_size)
        """Number of batches in an epoch."""

    def set_epoch(self, epoch: int, first_step: int = 0) -> None:
        """The next iteration gives the batches of `epoch` from `first_step` (counted from 0) on."""
        self._epoch, self._first_step = epoch, first_step

    def videos_in(self, step: int) -> int:
        """Number of videos of a batch, in all processes together."""
        return min(self.batch_size, len(self.dataset) - step * self.batch_size)

    def parts_in(self, step: int) -> int:
        """Number of parts of a batch; a small last batch has fewer."""
        return -(-self.videos_in(step) * self.accumulate // self.batch_size)

    @property
    def smallest_part(self) -> int:
        """Number of videos of the smallest part of a batch, in all processes together."""
        return min(self.videos_in(step) // self.parts_in(step) for step in {0, self.steps - 1})

    def __len__(self) -> int:
        return sum(self.parts_in(step) for step in range(self._first_step, self.steps))

    def __iter__(self) -> Iterator[list[Draw]]:
        draws = self._draws()
        for step in range(self._first_step, self.steps):
            batch = draws[step * self.batch_size : (step + 1) * self.batch_size]
            for part in np.array_split(np.arange(len(batch)), self.parts_in(step)):
                yield [batch[i] for i in part[self.rank :: self.world_size]]

    def _draws(self) -> list[Draw]:
        """The draws of an epoch: every video once or, if the dataset is weighted, as many videos
        sampled by their weights."""
        count = len(self.dataset)
        if self.seed is None:
            return [Draw(i, self._epoch) for i in range(count)]
        generator = torch.Generator().manual_seed(self.seed * 100_003 + self._epoch)
        if not self.dataset.weighted:
            order = torch.randperm(count, generator=generator).tolist()
            return [Draw(i, self._epoch) for i in order]
        weights = torch.tensor([float(video.weights.sum()) for video in self.dataset.videos])
        order = torch.multinomial(weights, count, replacement=True, generator=generator).tolist()
        repetitions: Counter[int] = Counter()
        draws = []
        for i in order:
            draws.append(Draw(i, self._epoch, repetitions[i]))
            repetitions[i] += 1
        return draws


def batch_loader(batches: Batches, workers: int) -> DataLoader:
    """Loads the parts of the batches, with this number of worker processes. Each item is what
    `MultiClipDataset.collate` returns."""
    return DataLoader(
        batches.dataset,
        batch_sampler=batches,
        collate_fn=batches.dataset.collate,
        persistent_workers=workers > 0,
        **loader_options(workers),
    )


class SharedBatch(NamedTuple):
    """A batch that is divided among processes."""

    parts: list[Batch]
    """The share of this process. Parts that are empty in all processes are left out."""
    counts: Counts
    """What the losses of the batch are averaged over, in all processes together."""


class StopRequestedError(Exception):
    """A process of the training was asked to stop."""


def agree_on_batch(
    parts: list[Batch], objective: Objective, processes: Processes, stop: StopRequest
) -> SharedBatch:
    """Exchanges with the other processes what all have to know about a batch.

    Raises StopRequestedError in all processes if one of them was asked to stop.
    """
    counts = [objective.counts(part) for part in parts]
    rows = torch.tensor([list(part.values()) for part in counts])
    stop_requested = torch.full((len(parts), 1), float(stop.name is not None))
    sums = processes.sum(torch.cat([rows, stop_requested], dim=1))
    if sums[0, -1]:
        raise StopRequestedError
    return SharedBatch(
        [part for part, row in zip(parts, sums, strict=True) if row[0]],
        dict(zip(counts[0], sums[:, :-1].sum(dim=0), strict=True)),
    )
