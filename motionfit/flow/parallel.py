"""Computes pairs in parallel threads."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from motionfit.flow.methods import Pair


def each_pair(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray], pairs: Sequence[Pair], threads: int
) -> list[np.ndarray]:
    """The results of `function` for all pairs. Threads help only if the function releases Python's
    global interpreter lock."""
    if threads == 1:
        return [function(*pair) for pair in pairs]
    with thread_pool(threads) as pool:
        return list(pool.map(lambda pair: function(*pair), pairs))


def with_objects(
    create: Callable[[], Any], pairs: Sequence[Pair], threads: int
) -> list[np.ndarray]:
    """The flow of each pair by an OpenCV algorithm. Each pair gets a new object, since for some
    algorithms, old content of the buffers changes the next result."""
    before = cv2.getNumThreads()
    # Pairs are computed in parallel, so OpenCV's own threads would only compete with them.
    cv2.setNumThreads(1)
    try:
        return each_pair(
            lambda frame, following: create().calc(frame, following, None), pairs, threads
        )
    finally:
        cv2.setNumThreads(before)


@contextmanager
def thread_pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads. If the block fails or Ctrl-C ends it, waiting work is cancelled, and the
    block does not wait for running work."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
