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

# Mean and standard deviation of the RGB values of Kinetics-400, as in torchvision's video models,
# whose weights a network may start from. A test compares both with torchvision's.
RGB_MEAN = (0.43216, 0.394666, 0.37645)
RGB_STD = (0.22803, 0.22145, 0.216989)
