"""What a network sees of a video."""

from enum import StrEnum


class Modality(StrEnum):
    """Kind of the stored clips that a network reads."""

    FRAMES = "frames"
    """RGB."""
    FLOW = "flow"
    """Optical flow, x and y."""


CHANNELS = {Modality.FRAMES: 3, Modality.FLOW: 2}
"""C: number of channels."""
