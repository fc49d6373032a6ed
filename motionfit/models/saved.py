"""Models on disk: the weights of a network and what is needed to use it."""

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch

from motionfit.errors import MotionFitError
from motionfit.files import DamagedError, damaged, replacing, verify
from motionfit.modality import Modality
from motionfit.models.backbones import build_network
from motionfit.models.network import VideoNetwork


class Learned(StrEnum):
    """What a model has learned."""

    LABELS = "labels"
    PSEUDO_LABELS = "pseudo-labels"
    TEACHER_FEATURES = "a motion model's features"
    """By a teaching method, such as MERS."""
    CLIP_ORDER = "clip order"
    """Without any labels."""
    NOTHING = "nothing"
    """The weights are random."""
    OTHER_LABELS = "labels of another data set"
    """The weights are pre-trained."""


@dataclass(frozen=True, kw_only=True)
class SavedModel:
    """How to build a network, and what to feed it."""

    backbone: str
    modality: Modality
    classes: list[str]
    """Names of the outputs: labels, or the numbers of pseudo-labels."""
    clip_length: int
    """L, in frames."""
    frame_size: list[int]
    """Height and width of the stored frames."""
    crop: int
    """Side of the square crop, in pixels."""
    fps: float | None = None
    """Rate at which the frames were sampled; None for the rate of each video."""
    quality: int | None = None
    """JPEG quality of the stored frames or flow. None if the model was not trained."""
    rate: float | None = None
    """Median frame rate of the training videos. None if the model was not trained."""
    learned: Learned
    split: int | None = None
    """The split whose training set the model, or the motion model of its pseudo-labels, was trained
    on."""
    recipe: str
    """JSON of the recipe of its training."""
    clips: int | None = None
    """Number of clips per video in its evaluation; None if it was not evaluated."""


def load_weights_file(path: Path) -> Any:
    """Reads tensors and plain values that torch.save wrote, on the CPU. A file from elsewhere can't
    run code.

    Raises DamagedError if the file is damaged, which PyTorch does not check, and OSError if it
    can't be read.
    """
    verify(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def save_model(network: VideoNetwork, about: SavedModel, path: Path) -> None:
    # A file holds plain values only, since `torch.load` refuses enums when it loads weights only.
    values = asdict(about) | {"modality": str(about.modality), "learned": str(about.learned)}
    # torch.save stores the name of a path, here that of a temporary file. An open file has none.
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save({"about": values, "weights": network.state_dict()}, file)


def load_model(path: Path) -> tuple[VideoNetwork, SavedModel]:
    """Reads a model, on the CPU and in evaluation mode.

    Raises MotionFitError if `path` is missing, damaged, or not a model of MotionFit.
    """
    try:
        content = load_weights_file(path)
        values = content["about"]
        if {field.name for field in fields(SavedModel)} != set(values):
            raise MotionFitError(
                f"{path} was saved by another version of MotionFit, with other information: "
                "delete it and run again"
            )
        enums = {"modality": Modality(values["modality"]), "learned": Learned(values["learned"])}
        about = SavedModel(**values | enums)
        network = build_network(about.backbone, about.modality, len(about.classes), seed=0)
        network.load_state_dict(content["weights"])
    except FileNotFoundError:
        raise MotionFitError(f"there is no model at {path}") from None
    except DamagedError as error:
        raise damaged(path, error) from None
    except MotionFitError:
        raise
    except Exception as error:
        # PyTorch's messages are long, and do not help if the file is not a model.
        reason = str(error).splitlines()[0] if isinstance(error, RuntimeError) else ""
        raise MotionFitError(f"{path} is not a model of MotionFit. {reason}".strip()) from None
    return network.eval(), about
