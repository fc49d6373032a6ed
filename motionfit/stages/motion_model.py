"""A motion model: the paper's motion pseudo-label generator."""

from motionfit.config import ALL_LABELS, MotionModel
from motionfit.datasets.index import read_index
from motionfit.options import (
    ONE_DEVICE,
    ClipsFolder,
    HardwareOptions,
    IndexFile,
    JsonLabelledPart,
    JsonRecipe,
    Output,
    Split,
)
from motionfit.training.compute import Compute
from motionfit.training.motion_model import train_motion_model


def motion_model(
    *,
    recipe: JsonRecipe[MotionModel],
    labelled_part: JsonLabelledPart = ALL_LABELS,
    index: IndexFile,
    split: Split,
    clips_folder: ClipsFolder,
    hardware: HardwareOptions = ONE_DEVICE,
    output: Output,
) -> None:
    """Train a motion model on labelled flow, or frames."""
    compute = Compute(**vars(hardware))
    train_motion_model(
        recipe, labelled_part, read_index(index), split, clips_folder, compute, output
    )
