"""How a video is cut into windows."""

from typing import NamedTuple


class Cut(NamedTuple):
    """Windows of one length, which follow one another or overlap."""

    seconds: float
    """Length of a window."""
    every: float
    """Seconds from the start of a window to the start of the next one: at most `seconds`."""
