"""Optical flow as colours."""

import numpy as np

# Baker et al. 2011, "A Database and Evaluation Methodology for Optical Flow": the hues between two
# neighbouring primary or secondary colours, in as many steps as the eye can distinguish.
_SEGMENTS = [
    (15, (1, 0, 0), (1, 1, 0)),
    (6, (1, 1, 0), (0, 1, 0)),
    (4, (0, 1, 0), (0, 1, 1)),
    (11, (0, 1, 1), (0, 0, 1)),
    (13, (0, 0, 1), (1, 0, 1)),
    (6, (1, 0, 1), (1, 0, 0)),
]
WHEEL = np.concatenate(
    [
        np.array(start) + np.arange(steps)[:, None] / steps * (np.array(end) - np.array(start))
        for steps, start, end in _SEGMENTS
    ]
)
"""The colours of 55 directions around the circle, (55, 3) from 0 to 1."""


def flow_colours(flow: np.ndarray, scale: float) -> np.ndarray:
    """Flow (..., 2) in pixels as colours (..., 3) uint8 of the Middlebury colour wheel.

    The hue is the direction. The saturation is the length divided by `scale`, at most 1, so that no
    motion is white.
    """
    x, y = flow[..., 0], flow[..., 1]
    position = (np.arctan2(-y, -x) / np.pi + 1) / 2 * (len(WHEEL) - 1)
    low = position.astype(int)
    part = (position - low)[..., None]
    hue = (1 - part) * WHEEL[low] + part * WHEEL[(low + 1) % len(WHEEL)]
    saturation = np.minimum(np.hypot(x, y) / scale, 1)[..., None]
    return np.floor(255 * (1 - saturation * (1 - hue))).astype(np.uint8)
