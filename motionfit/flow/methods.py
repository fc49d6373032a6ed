"""The optical flow methods, by name."""

from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import get_args

import numpy as np

from motionfit.config import FlowMethod

Pair = tuple[np.ndarray, np.ndarray]
"""A frame (H, W) uint8 grey and the next frame."""

METHODS: tuple[str, ...] = get_args(FlowMethod)
TVL1_METHODS = ("tvl1", "tvl1_gpu", "opencv")
"""Methods with the parameters of TV-L1. The others have no parameters."""
BATCHED = ("tvl1_gpu",)
"""Methods that compute many pairs at once. The others compute one pair at a time on each thread."""


def method_module(method: str) -> str:
    """The name of a method's module.

    Its function `compute` takes pairs, threads and parameters, and returns one field (H, W, 2)
    float32 per pair. The module is imported when it is used, since compilers and PyTorch take long
    to import.
    """
    return f"motionfit.flow.{method}"


def compute_flow(
    frames: np.ndarray, method: str = "tvl1", threads: int = 1, **parameters: float
) -> np.ndarray:
    """Computes the optical flow from each frame to the next.

    Parameters
    ----------
    frames
        (T, H, W) uint8 grey, T >= 2.
    method
        Name of the method, one of `METHODS`.
    threads
        Number of CPU cores that compute pairs in parallel. On one machine, the result of a CPU
        method is bitwise the same for any number.
    parameters
        Fields of `motionfit.flow.parameters.TVL1`, for the methods `tvl1`, `tvl1_gpu` and `opencv`.

    Returns
    -------
    (T-1, H, W, 2) float32: x and y displacements in pixels.

    Raises ValueError for frames with another shape or type, for an unknown method, and for a
    parameter that the method does not have.
    """
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.ndim != 3 or 0 in frames.shape[1:]:
        raise ValueError(f"frames must be (T, H, W) uint8 grey, not {frames.shape} {frames.dtype}")
    if len(frames) < 2:
        raise ValueError(f"flow needs at least two frames, not {len(frames)}")
    return np.stack(compute_pairs(list(pairwise(frames)), method, threads, **parameters))


def compute_pairs(
    pairs: Sequence[Pair], method: str = "tvl1", threads: int = 1, **parameters: float
) -> list[np.ndarray]:
    """Computes the optical flow like `compute_flow`, for independent pairs of frames. Pairs may
    differ in size."""
    if method not in METHODS:
        raise ValueError(f"unknown flow method {method!r} (there are: {', '.join(METHODS)})")
    if parameters and method not in TVL1_METHODS:
        raise ValueError(f"the flow method {method!r} has no parameters")
    if threads < 1:
        raise ValueError(f"threads must be 1 or more, not {threads}")
    for frame, following in pairs:
        for image in (frame, following):
            if image.dtype != np.uint8 or image.ndim != 2 or 0 in image.shape:
                raise ValueError(
                    f"a frame must be (H, W) uint8 grey, not {image.shape} {image.dtype}"
                )
        if frame.shape != following.shape:
            raise ValueError(
                f"the frames of a pair must have one size, not {frame.shape} and {following.shape}"
            )
    return import_module(method_module(method)).compute(pairs, threads, **parameters)
