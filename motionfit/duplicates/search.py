"""Finds the near-duplicates among many stored videos."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import DataLoader, Dataset

from motionfit.clips.loading import loader_options, stop_signals_blocked, worker_failures
from motionfit.duplicates.alignment import Aligned, compare
from motionfit.duplicates.grey import GreyFrames
from motionfit.duplicates.hashes import VideoHashes, alike, video_hashes

SIMILAR = 0.85
"""Least similarity of near-duplicates. docs/leaks.md has the measurement behind it."""
WORTH_WORKERS = 1000
"""Number of tasks from which worker processes save more time than their start takes."""

Chosen = Callable[[int, np.ndarray], np.ndarray]
"""Given the number of a video and those of others, says which pairs are of interest (bool)."""


class Found(NamedTuple):
    """A pair of near-duplicates, by their numbers in the lists that were searched."""

    video: int
    other: int
    similarity: float
    """Correlation of what moves in both, from `SIMILAR` to 1."""
    shift: float
    """Seconds from the start of the video to the start of the other one."""


def hashes_of(videos: Sequence[GreyFrames], threads: int) -> list[VideoHashes]:
    """The hashes of each video."""
    return list(each(video_hashes, [(video,) for video in videos], threads))


def near_duplicates(
    videos: Sequence[GreyFrames],
    hashes: Sequence[VideoHashes],
    others: Sequence[GreyFrames],
    other_hashes: Sequence[VideoHashes],
    chosen: Chosen,
    threads: int,
) -> list[Found]:
    """The near-duplicates among the chosen pairs of a video and another one.

    Pairs whose hashes are alike are compared frame by frame (`alignment`).
    """
    candidates = [
        (number, int(other))
        for number, found in enumerate(alike(hashes, other_hashes, threads))
        for other in found[chosen(number, found)]
    ]
    pairs = [(videos[number], others[other]) for number, other in candidates]
    aligned: Iterator[Aligned] = each(compare, pairs, threads)
    return [
        Found(*candidate, *result)
        for candidate, result in zip(candidates, aligned, strict=True)
        if result.similarity >= SIMILAR
    ]


class Calls(Dataset):
    """The results of a function for each of several arguments."""

    def __init__(self, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]):
        self._function = function
        self._arguments = arguments

    def __len__(self) -> int:
        return len(self._arguments)

    def __getitem__(self, number: int) -> Any:
        return self._function(*self._arguments[number])


def each(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], threads: int
) -> Iterator[Any]:
    """Yields the results in order. If there are many, `threads` worker processes compute them."""
    workers = threads if threads > 1 and len(arguments) >= WORTH_WORKERS else 0
    options = loader_options(workers) | {"pin_memory": False}
    loader = DataLoader(
        Calls(function, arguments), batch_size=None, collate_fn=unchanged, **options
    )
    with worker_failures():
        with stop_signals_blocked():
            results = iter(loader)
        yield from results


def unchanged(result: Any) -> Any:
    return result
