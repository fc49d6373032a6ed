"""Prints what a model file says of itself."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from motionfit.modality import Modality
from motionfit.models import Learned, SavedModel, load_model

UNKNOWN = "unknown: the file is from a version that did not save it"


def print_about(model: Path) -> None:
    """Prints what a model needs and where it comes from. Raises MotionFitError if the file is not a
    model of MotionFit."""
    network, about = load_model(model)
    table = Table.grid(padding=(0, 2))
    for name, text in described(about, network.dim).items():
        table.add_row(name, escape(text))
    Console().print(table)


def described(about: SavedModel, features: int) -> dict[str, str]:
    """What a model file says, in words. `features`: D, the number of features."""
    height, width = about.frame_size
    steps = (f"{i}. {step}" for i, step in enumerate(about.history, 1))
    names = {"classes": f"{len(about.classes)}: {', '.join(about.classes)}"}
    return {
        "network": f"{about.backbone}, {features} features",
        "learned": str(about.learned),
        **(names if about.learned == Learned.LABELS else {}),
        "reads": "RGB" if about.modality == Modality.FRAMES else "optical flow",
        "frames": f"{height}x{width} pixels (height x width), of which the central "
        f"{about.crop}x{about.crop}",
        "rate": rate(about),
        "clip": clip(about),
        "clips": f"{about.clips} per video, spread evenly" if about.clips else "not evaluated",
        "JPEG quality": str(about.quality) if about.quality else "not trained on stored frames",
        "normalisation": f"(x - mean) / std for x from 0 to 1; mean {numbers(about.mean)}, std "
        f"{numbers(about.std)}",
        "history": "\n".join(steps) or UNKNOWN,
        "licence": licence(about),
        "versions": ", ".join(f"{name} {number}" for name, number in about.versions.items())
        or UNKNOWN,
    }


def clip(about: SavedModel) -> str:
    """The length of a clip, in frames and, if the rate is known, in seconds."""
    per_second = about.fps or about.rate
    seconds = f", {about.clip_length / per_second:.1f} seconds" if per_second else ""
    return f"{about.clip_length} frames{seconds}"


def rate(about: SavedModel) -> str:
    """The frame rate that a model needs, in words."""
    if about.fps:
        return f"{about.fps:g} frames per second; a video with a higher rate is thinned to it"
    if about.rate:
        return f"that of each video; it learned from about {about.rate:g} frames per second"
    return "that of each video"


def licence(about: SavedModel) -> str:
    """What is known of the licence of the weights that a model started from, in words."""
    if not about.history:
        return UNKNOWN
    return about.licence or "started from random weights: none but that of the training videos"


def numbers(values: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
