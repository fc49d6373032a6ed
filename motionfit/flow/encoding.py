"""Flow as 8 bits, for storage.

No motion is the middle of a step, 128, so that noise around 0 is stored as 0, opposite motions are
stored as opposites, and the error is at most half a step. (The usual 255·(v + bound) / (2·bound)
puts 0 between two steps: half of all still pixels become a motion of one step.)
"""

import numpy as np

ZERO = 128
"""The stored value of no motion."""
STEPS = 127
"""Steps from no motion to the bound."""


def quantise(flow: np.ndarray, bound: float) -> np.ndarray:
    """Displacements in pixels, clipped to ±bound, to uint8: 128 + round(127·v / bound)."""
    steps = np.rint(np.clip(flow, -bound, bound) * np.float32(STEPS / bound))
    return (steps + ZERO).astype(np.uint8)


def dequantise(stored: np.ndarray, bound: float) -> np.ndarray:
    """uint8 back to displacements in pixels, float32; ZERO is exactly 0."""
    return (stored.astype(np.float32) - ZERO) * np.float32(bound / STEPS)
