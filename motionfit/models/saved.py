"""Models on disk: the weights of a network and what is needed to use it."""

from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch

from motionfit import __version__
from motionfit.errors import MotionFitError
from motionfit.files import DamagedError, damaged, replacing, verify
from motionfit.modality import RGB_MEAN, RGB_STD, Modality
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
    history: list[str] = field(default_factory=list)
    """Where the weights come from and what they were trained on, in words, the first step first.
    Empty if the file is from a version that did not save it; so are the fields below."""
    licence: str | None = None
    """What is known of the licence of the weights that it started from; None if those were
    random."""
    mean: list[float] = field(default_factory=list)
    std: list[float] = field(default_factory=list)
    """The network reads (x - mean) / std for values x from 0 to 1, by channel. Both are filled in
    when the model is saved, and so are the versions."""
    versions: dict[str, str] = field(default_factory=dict)
    """The versions of motionfit and torch that trained it."""

    def completed(self) -> "SavedModel":
        """This information with the normalisation and the versions, where they are missing."""
        mean, std = NORMALISATION[self.modality]
        versions = {"motionfit": __version__, "torch": str(torch.__version__)}
        return replace(
            self,
            mean=self.mean or list(mean),
            std=self.std or list(std),
            versions=self.versions or versions,
        )


NORMALISATION = {
    Modality.FRAMES: (RGB_MEAN, RGB_STD),
    Modality.FLOW: ((128 / 255,) * 2, (128 / 255,) * 2),
}
"""Mean and standard deviation of the values from 0 to 1 of each channel. Those of flow make
(q - 128) / 128 of a byte q."""


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
    values = asdict(about.completed())
    values |= {"modality": str(about.modality), "learned": str(about.learned)}
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
        if wrong := differing_fields(values):
            raise MotionFitError(
                f"{path} was saved by another version of MotionFit, with other information "
                f"({', '.join(wrong)}): use that version, or delete the file and run again"
            )
        enums = {"modality": Modality(values["modality"]), "learned": Learned(values["learned"])}
        about = SavedModel(**values | enums)
        # Files of earlier versions do not contain their normalisation, which was the same.
        about = replace(about.completed(), versions=about.versions)
        if (tuple(about.mean), tuple(about.std)) != NORMALISATION[about.modality]:
            raise MotionFitError(f"{path} needs another normalisation than this version applies")
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


def differing_fields(values: dict[str, Any]) -> list[str]:
    """Names of the fields of SavedModel that `values` lacks, without those that have a default, and
    of values that are no field."""
    known = fields(SavedModel)
    needed = {f.name for f in known if f.default is MISSING and f.default_factory is MISSING}
    return sorted((needed - set(values)) | (set(values) - {f.name for f in known}))
