"""Dual TV-L1 (Zach et al. 2007; Sanchez et al. 2013), compiled by Numba, with the algorithm,
parameters and stopping rule of OpenCV's `DualTVL1OpticalFlow`. It is an order of magnitude faster.
"""

from collections.abc import Sequence

import numpy as np

from motionfit.flow import tvl1_compiled
from motionfit.flow.methods import Pair
from motionfit.flow.parallel import each_pair
from motionfit.flow.parameters import level_sizes, tvl1_parameters


def compute(pairs: Sequence[Pair], threads: int, **parameters: float) -> list[np.ndarray]:
    """The flow of each pair by Dual TV-L1, with pairs in parallel threads."""
    given = tvl1_parameters(parameters)
    # A plain tuple, since cached code would not notice a new order of the fields of TVL1.
    numbers = (
        given.warps,
        given.outer_iterations,
        given.inner_iterations,
        given.epsilon,
        np.float32(given.tau),
        np.float32(given.lambda_),
        np.float32(given.theta),
    )

    def flow(frame: np.ndarray, following: np.ndarray) -> np.ndarray:
        sizes = np.array(level_sizes(*frame.shape, given))
        frame, following = np.ascontiguousarray(frame), np.ascontiguousarray(following)
        return tvl1_compiled.flow(frame, following, sizes, 1 / given.scale_step, numbers)

    return each_pair(flow, pairs, threads)
