"""A model by MERS: an RGB network that has learned the features of a motion model."""

from pathlib import Path

from motionfit.config import AppearanceModel
from motionfit.datasets.index import read_index
from motionfit.options import (
    ONE_DEVICE,
    FlowFolder,
    FramesFolder,
    HardwareOptions,
    IndexFile,
    JsonRecipe,
    Output,
    Split,
)
from motionfit.training.appearance_model import train_mers_model
from motionfit.training.compute import Compute


def mers_model(
    *,
    recipe: JsonRecipe[AppearanceModel],
    index: IndexFile,
    split: Split,
    teacher: Path,
    frames: FramesFolder,
    flow: FlowFolder,
    hardware: HardwareOptions = ONE_DEVICE,
    output: Output,
) -> None:
    """Train an RGB network on the features of a motion model.

    Parameters
    ----------
    teacher
        model.pt of the motion model.
    """
    compute = Compute(**vars(hardware))
    train_mers_model(recipe, read_index(index), split, teacher, frames, flow, compute, output)
