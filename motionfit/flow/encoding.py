"""Flow as 8 bits, for storage."""

import numpy as np

ZERO = 128
"""The stored value of no motion."""


def quantise(flow: np.ndarray, bound: float) -> np.ndarray:
    """Displacements in pixels, clipped to ±bound, to uint8: round(255·(v + bound) / (2·bound))."""
    scaled = 255 * (np.clip(flow, -bound, bound) + bound) / (2 * bound)
    return np.floor(scaled + 0.5).astype(np.uint8)


def dequantise(stored: np.ndarray, bound: float) -> np.ndarray:
    """uint8 back to displacements in pixels, float32; ZERO is exactly 0."""
    return (stored.astype(np.float32) - ZERO) * np.float32(2 * bound / 255)
