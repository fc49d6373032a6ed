"""A model that has learned the labels of a target."""

from pathlib import Path

from motionfit.config import ALL_LABELS, FineTuning
from motionfit.datasets.index import read_index
from motionfit.options import (
    ONE_DEVICE,
    ClipLength,
    ClipsFolder,
    FlowFolder,
    HardwareOptions,
    IndexFile,
    JsonLabelledPart,
    JsonRecipe,
    ModelFile,
    Output,
    Split,
)
from motionfit.training.compute import Compute
from motionfit.training.fine_tuning import fine_tune


def fine_tuning(
    *,
    recipe: JsonRecipe[FineTuning],
    clip_length: ClipLength,
    labelled_part: JsonLabelledPart = ALL_LABELS,
    model: ModelFile,
    index: IndexFile,
    split: Split,
    clips_folder: ClipsFolder,
    teacher: Path | None = None,
    flow: FlowFolder | None = None,
    hardware: HardwareOptions = ONE_DEVICE,
    output: Output,
) -> None:
    """Train a model on the labels of a target.

    Parameters
    ----------
    teacher
        model.pt of the motion model that MARS learns from, which reads `flow`.
    """
    compute = Compute(**vars(hardware))
    fine_tune(
        recipe,
        clip_length,
        labelled_part,
        model,
        read_index(index),
        split,
        clips_folder,
        compute,
        output,
        teacher,
        flow,
    )
