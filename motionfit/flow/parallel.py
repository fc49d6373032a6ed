"""Work in parallel over threads."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from motionfit.flow.methods import Pair


def each_pair(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray], pairs: Sequence[Pair], threads: int
) -> list[np.ndarray]:
    """`function` of each pair. It has to run without Python's global lock to gain by threads."""
    if threads == 1:
        return [function(*pair) for pair in pairs]
    with thread_pool(threads) as pool:
        return list(pool.map(lambda pair: function(*pair), pairs))


@contextmanager
def thread_pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads. Where the block fails, or Ctrl-C ends it, what is waiting is not done, and
    what is being done is not waited for."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
