"""An appearance model: an RGB network that has learned pseudo-labels."""

from pathlib import Path

from motionfit.config import AppearanceModel
from motionfit.datasets.index import read_index
from motionfit.options import (
    ONE_DEVICE,
    FramesFolder,
    HardwareOptions,
    IndexFile,
    JsonRecipe,
    Output,
    Split,
)
from motionfit.training.appearance_model import train_appearance_model
from motionfit.training.compute import Compute
from motionfit.training.labels import read_pseudo_labels


def appearance_model(
    *,
    recipe: JsonRecipe[AppearanceModel],
    index: IndexFile,
    split: Split,
    pseudo_labels: Path,
    frames: FramesFolder,
    hardware: HardwareOptions = ONE_DEVICE,
    output: Output,
) -> None:
    """Train an RGB network on pseudo-labels.

    Parameters
    ----------
    pseudo_labels
        The labels.csv.
    """
    compute = Compute(**vars(hardware))
    train_appearance_model(
        recipe,
        read_index(index),
        split,
        read_pseudo_labels(pseudo_labels),
        frames,
        compute,
        output,
    )
