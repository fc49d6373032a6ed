"""Flow as colours."""

import numpy as np

# Baker et al. 2011, "A Database and Evaluation Methodology for Optical Flow": the hues from one
# primary or secondary colour to the next, each in as many steps as the eye tells apart.
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
"""(55, 3) colours, 0 to 1, of directions around the circle."""


def flow_colours(flow: np.ndarray, scale: float) -> np.ndarray:
    """Flow (..., 2) in pixels to (..., 3) uint8 by the Middlebury colour wheel: the hue is the
    direction, the saturation the length in parts of `scale`, at most 1; no motion is white."""
    x, y = flow[..., 0], flow[..., 1]
    place = (np.arctan2(-y, -x) / np.pi + 1) / 2 * (len(WHEEL) - 1)
    low = place.astype(int)
    part = (place - low)[..., None]
    hue = (1 - part) * WHEEL[low] + part * WHEEL[(low + 1) % len(WHEEL)]
    saturation = np.minimum(np.hypot(x, y) / scale, 1)[..., None]
    return np.floor(255 * (1 - saturation * (1 - hue))).astype(np.uint8)
