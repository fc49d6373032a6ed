"""OpenCV's Dual TV-L1: the reference."""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from motionfit.flow.methods import Pair
from motionfit.flow.parallel import each_pair
from motionfit.flow.parameters import tvl1_parameters


def compute(pairs: Sequence[Pair], threads: int, **parameters: float) -> list[np.ndarray]:
    """Dual TV-L1 (Zach et al. 2007; Sanchez et al. 2013)."""
    given = tvl1_parameters(parameters)

    def create() -> Any:
        return cv2.optflow.DualTVL1OpticalFlow_create(
            tau=given.tau, lambda_=given.lambda_, theta=given.theta, nscales=given.scales,
            warps=given.warps, epsilon=given.epsilon, innnerIterations=given.inner_iterations,
            outerIterations=given.outer_iterations, scaleStep=given.scale_step,
        )  # fmt: skip

    return with_objects(create, pairs, threads)


def with_objects(
    create: Callable[[], Any], pairs: Sequence[Pair], threads: int
) -> list[np.ndarray]:
    """The flow of each pair by an OpenCV algorithm, made anew for each: what is left in its buffers
    changes the next result of some."""
    # The parallel unit is the pair, so OpenCV's own threads would only get in the way.
    cv2.setNumThreads(1)
    return each_pair(lambda frame, following: create().calc(frame, following, None), pairs, threads)
