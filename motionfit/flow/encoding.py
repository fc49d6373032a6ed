"""Stores flow with 8 bits.

No motion is stored as 128, in the middle of a step, so that noise around 0 is stored as 0, opposite
motions are stored as opposite values, and the error is at most half a step. (The usual encoding
255·(v + bound) / (2·bound) puts 0 between two steps, so that half of all still pixels get a motion
of one step.)
"""

import numpy as np

ZERO = 128
"""The stored value of no motion."""
STEPS = 127
"""Number of steps from no motion to the bound."""


def quantise(flow: np.ndarray, bound: float) -> np.ndarray:
    """Displacements v in pixels, clipped to ±bound, as uint8: 128 + round(127·v / bound)."""
    steps = np.rint(np.clip(flow, -bound, bound) * np.float32(STEPS / bound))
    return (steps + ZERO).astype(np.uint8)


def dequantise(stored: np.ndarray, bound: float) -> np.ndarray:
    """Displacements in pixels, float32, from stored uint8 values. ZERO gives exactly 0."""
    return (stored.astype(np.float32) - ZERO) * np.float32(bound / STEPS)
