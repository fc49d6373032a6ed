"""Models on disk: the weights, and all that is needed to use them."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch

from motionfit.errors import MotionFitError
from motionfit.files import DamagedError, damaged, replacing
from motionfit.models.backbones import build_network
from motionfit.models.network import VideoNetwork
from motionfit.models.weights import load_weights_file


@dataclass(frozen=True)
class SavedModel:
    """How to build a network and what to feed it."""

    backbone: str
    modality: str
    """'frames' (RGB) or 'flow'."""
    classes: list[str]
    """Names of the outputs: labels, or the numbers of pseudo-labels."""
    clip_length: int
    """L, in frames."""
    frame_size: list[int]
    """Height and width that frames are resized to."""
    crop: int
    """Side of the square crop, in pixels."""
    fps: float | None
    """Rate that the frames were sampled at; None for each video's own."""
    quality: int | None
    """JPEG quality that the frames, or the flow, were stored with. None where it learned from none.
    """
    rate: float | None
    """Frames a second of the videos that it learned from: their median. None where it learned from
    none."""
    learned: str
    """What it has learned: 'labels', 'pseudo-labels', 'a motion model's features' by MERS, 'clip
    order' without any of them, 'nothing' of random weights, or 'labels of another data set' of
    pre-trained ones."""
    split: int | None
    """The split whose training set it learned from, or its pseudo-labels' motion model did."""
    recipe: str
    """JSON of the recipe that it was trained by."""
    clips: int | None = None
    """Clips per video that its evaluation took; None where it has not been evaluated."""


def save_model(network: VideoNetwork, about: SavedModel, path: Path) -> None:
    # Into an open file: of a path torch.save keeps the name, which is a temporary one.
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save({"about": asdict(about), "weights": network.state_dict()}, file)


def load_model(path: Path) -> tuple[VideoNetwork, SavedModel]:
    """Reads a model, on the CPU, in evaluation mode.

    Raises MotionFitError where `path` is no model of this project.
    """
    try:
        content = load_weights_file(path)
        names = [field.name for field in fields(SavedModel)]
        if set(names) != set(content["about"]):
            raise MotionFitError(
                f"{path} was saved by another version of MotionFit, which noted other things: "
                "delete it and run again"
            )
        about = SavedModel(**{name: content["about"][name] for name in names})
        network = build_network(about.backbone, about.modality, len(about.classes), seed=0)
        network.load_state_dict(content["weights"])
    except FileNotFoundError:
        raise MotionFitError(f"there is no model at {path}") from None
    except DamagedError as error:
        raise damaged(path, error) from None
    except MotionFitError:
        raise
    except Exception as error:
        # PyTorch's messages are long and, of a file that is no model, beside the point.
        reason = str(error).splitlines()[0] if isinstance(error, KeyError | RuntimeError) else ""
        raise MotionFitError(f"{path} is no model of MotionFit. {reason}".strip()) from None
    return network.eval(), about
