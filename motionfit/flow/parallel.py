"""Pairs in parallel over threads, for the methods that compute one at a time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from motionfit.flow.methods import Pair


def each_pair(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray], pairs: Sequence[Pair], threads: int
) -> list[np.ndarray]:
    """`function` of each pair. It has to run without Python's global lock to gain by threads."""
    if threads == 1:
        return [function(*pair) for pair in pairs]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda pair: function(*pair), pairs))
