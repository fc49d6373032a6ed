"""Recipes of optical flow."""

from typing import Annotated, Literal

from pydantic import Field

from motionfit.config.recipe import Recipe
from motionfit.config.values import Quality, Size

FlowMethod = Literal["tvl1", "tvl1_gpu", "opencv", "dis", "farneback"]


class Flow(Recipe):
    """How optical flow is computed and stored."""

    method: FlowMethod = "tvl1"
    """`tvl1`: Dual TV-L1, the paper's, with OpenCV's default parameters, compiled for the CPU;
    `tvl1_gpu`: the same in batches on a GPU; `opencv`: OpenCV's own TV-L1, a slow reference; `dis`
    and `farneback`: OpenCV's DIS and Farnebäck flow, faster and less accurate."""
    size: Size = (128, 171)
    """Height and width in pixels of the frames from which flow is computed (the paper's)."""
    bound: Annotated[float, Field(ge=0.01, le=1000)] = 20.0
    """Displacements are clipped to ± this many pixels and stored as 8 bits, in steps of bound/127
    pixels. A lower bound resolves slow motion better, but has to stay above the displacements that
    tell the classes apart. The paper gives none."""
    quality: Quality = 95
    """JPEG quality of the stored flow."""
