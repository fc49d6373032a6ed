"""The methods of optical flow, by name."""

from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import get_args

import numpy as np

from motionfit.config import FlowMethod

Pair = tuple[np.ndarray, np.ndarray]
"""(H, W) uint8 grey and the frame after it."""

METHODS: tuple[str, ...] = get_args(FlowMethod)
TVL1_METHODS = ("tvl1", "tvl1_gpu", "opencv")
"""Those that have TV-L1's parameters; the others have none."""
BATCHED = ("tvl1_gpu",)
"""Those that want many pairs at a time; the others compute one after the other on each thread."""


def method_module(method: str) -> str:
    """The module of a method. Its function `compute` takes pairs, threads and parameters, and gives
    a field (H, W, 2) float32 a pair. It is imported when it is used, so that nobody waits for a
    compiler or for PyTorch in vain."""
    return f"motionfit.flow.{method}"


def compute_flow(
    frames: np.ndarray, method: str = "tvl1", threads: int = 1, **parameters: float
) -> np.ndarray:
    """The motion from each frame to the next.

    `frames`: (T, H, W) uint8 grey, T >= 2. Returns (T-1, H, W, 2) float32: x and y displacements in
    pixels. Pairs are computed in parallel over `threads` CPU cores; on one machine, the result of a
    CPU method has the same bits for any number of them. `parameters` are those of
    `motionfit.flow.parameters.TVL1`, for the methods that are TV-L1 (`tvl1`, `tvl1_gpu`, `opencv`).

    Raises ValueError for frames of another shape or type, an unknown method, or a parameter that
    the method does not have.
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
    """As `compute_flow`, for pairs of frames that need not belong together, nor be of one size."""
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
