"""Parallel work in threads."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

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
