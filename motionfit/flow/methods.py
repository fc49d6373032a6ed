"""The methods of optical flow, by name."""

from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import pairwise

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]
"""(H, W) uint8 grey and the frame after it."""

Method = Callable[..., list[np.ndarray]]
"""(pairs, threads, **parameters) to a field (H, W, 2) float32 a pair: x and y in pixels."""

METHODS = {
    "tvl1": "motionfit.flow.tvl1",
    "tvl1_gpu": "motionfit.flow.tvl1_gpu",
    "opencv": "motionfit.flow.opencv",
    "dis": "motionfit.flow.dis",
    "farneback": "motionfit.flow.farneback",
}
"""The module of each method; its `compute` is the Method. It is imported when it is used, so that
nobody waits for a compiler or for PyTorch in vain."""

TVL1_METHODS = ("tvl1", "tvl1_gpu", "opencv")
"""Those that have TV-L1's parameters; the others have none."""


def compute_flow(
    frames: np.ndarray, method: str = "tvl1", threads: int = 1, **parameters: float
) -> np.ndarray:
    """The motion from each frame to the next.

    `frames`: (T, H, W) uint8 grey, T >= 2. Returns (T-1, H, W, 2) float32: x and y displacements in
    pixels. Pairs are computed in parallel over `threads` CPU cores; the result does not depend on
    how many. `parameters` are those of `motionfit.flow.parameters.TVL1`, for the methods that are
    TV-L1 (`tvl1`, `tvl1_gpu`, `opencv`).

    Raises ValueError for frames of another shape or type, an unknown method, or a parameter that
    the method does not have.
    """
    if frames.dtype != np.uint8 or frames.ndim != 3:
        raise ValueError(f"frames must be (T, H, W) uint8 grey, not {frames.shape} {frames.dtype}")
    if len(frames) < 2:
        raise ValueError(f"flow needs at least two frames, not {len(frames)}")
    pairs = list(pairwise(frames))
    return np.stack(compute_pairs(pairs, method, threads, **parameters))


def compute_pairs(
    pairs: Sequence[Pair], method: str = "tvl1", threads: int = 1, **parameters: float
) -> list[np.ndarray]:
    """As `compute_flow`, for pairs of frames that need not belong together, nor be of one size."""
    if method not in METHODS:
        raise ValueError(f"unknown flow method {method!r} (there are: {', '.join(METHODS)})")
    if parameters and method not in TVL1_METHODS:
        raise ValueError(f"the flow method {method!r} has no parameters")
    return import_module(METHODS[method]).compute(pairs, threads, **parameters)
