"""OpenCV's Dual TV-L1, the reference implementation."""

from collections.abc import Sequence

import cv2
import numpy as np

from motionfit.flow.methods import Pair
from motionfit.flow.parallel import with_objects
from motionfit.flow.parameters import tvl1_parameters


def compute(pairs: Sequence[Pair], threads: int, **parameters: float) -> list[np.ndarray]:
    """The flow of each pair by Dual TV-L1 (Zach et al. 2007; Sanchez et al. 2013)."""
    given = tvl1_parameters(parameters)
    return with_objects(
        lambda: cv2.optflow.DualTVL1OpticalFlow_create(
            tau=given.tau,
            lambda_=given.lambda_,
            theta=given.theta,
            nscales=given.scales,
            warps=given.warps,
            epsilon=given.epsilon,
            innnerIterations=given.inner_iterations,
            outerIterations=given.outer_iterations,
            scaleStep=given.scale_step,
        ),
        pairs,
        threads,
    )
