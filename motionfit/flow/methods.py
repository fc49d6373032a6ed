"""The methods of optical flow, by name."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from motionfit.flow.opencv import tvl1

PairFlow = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(H, W) uint8 grey and the frame after it, to (H, W, 2) float32 pixels."""

METHODS: dict[str, PairFlow] = {"opencv": tvl1}


def compute_flow(frames: np.ndarray, method: str = "opencv", threads: int = 1) -> np.ndarray:
    """The motion from each frame to the next.

    `frames`: (T, H, W) uint8 grey, T >= 2. Returns (T-1, H, W, 2) float32: x and y displacements in
    pixels. Pairs are computed in parallel over `threads`; the result does not depend on how many.
    Raises ValueError for frames of another shape or type, or an unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"unknown flow method {method!r} (there are: {', '.join(METHODS)})")
    if frames.dtype != np.uint8 or frames.ndim != 3:
        raise ValueError(f"frames must be (T, H, W) uint8 grey, not {frames.shape} {frames.dtype}")
    if len(frames) < 2:
        raise ValueError(f"flow needs at least two frames, not {len(frames)}")
    with ThreadPoolExecutor(threads) as pool:
        return np.stack(list(pool.map(METHODS[method], frames[:-1], frames[1:])))
