"""Initialises networks with pre-trained weights in torchvision's format."""

import hashlib
import logging
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from motionfit.config import BACKBONES, Network
from motionfit.errors import MotionFitError
from motionfit.files import DamagedError
from motionfit.modality import Modality
from motionfit.models.backbones import build_network, new_network
from motionfit.models.network import VideoNetwork
from motionfit.models.saved import load_weights_file

log = logging.getLogger(__name__)

PUBLISHED = [name for name, backbone in BACKBONES.items() if backbone.published == name]
"""Backbones that `torchvision.models.video` has under the same names."""
CLASSIFIERS = ("fc.", "classifier.")
HASHED = re.compile(rf"(?:{'|'.join(PUBLISHED)})-([0-9a-f]{{8}})\.pth")
"""Names of published files, which contain the start of their SHA-256."""


def starting_network(recipe: Network, modality: Modality, classes: int, seed: int) -> VideoNetwork:
    """The network that a training starts from, with random weights drawn with `seed`.

    If the recipe has `weights`, all but the classifier come from that file. Raises MotionFitError
    like `load_weights`.
    """
    network = build_network(recipe.backbone, modality, classes, seed)
    if recipe.weights:
        load_weights(network, recipe.backbone, recipe.weights)
    return network


def origin(recipe: Network) -> tuple[list[str], str | None]:
    """In words: the weights that a network starts from, as the first step of its history, and what
    is known of their licence (None for random weights)."""
    if not recipe.weights:
        return ["random weights"], None
    return [
        f"weights of {recipe.weights.name}"
    ], f"started from {recipe.weights.name}; see its licence"


def load_weights(network: VideoNetwork, backbone: str, path: Path) -> None:
    """Loads weights in torchvision's format into a network: a state dict of
    `torchvision.models.video.r2plus1d_18`, `r3d_18` or `s3d`.

    Tensors that the file does not contain keep their values, and so does the classifier, since it
    is for other classes. The gates of S3D-G start open.

    Raises MotionFitError if the file is missing, damaged, not a state dict, or of another backbone.
    """
    published = BACKBONES[backbone].published
    state = read_state(path)
    if problem := mismatch(network, state):
        held = backbone_of(state)
        advice = (
            f"It contains those of {held}: use that backbone or another file."
            if held
            else f"Give the state dict of torchvision.models.video.{published}."
        )
        raise MotionFitError(f"{path} does not contain weights of {backbone}: {problem}. {advice}")
    # Not strict, since the classifier and the gates are left out. `mismatch` has checked the rest.
    own = {name: state[theirs] for name, theirs in names(network).items() if theirs in state}
    network.load_state_dict(own, strict=False)
    log.info("%s starts from %s", backbone, path)
    if backbone != published:
        network.open_gates()
        log.info("its gates, which %s does not have, start open", published)


def read_state(path: Path) -> Mapping[str, Tensor]:
    """Reads a state dict. Raises MotionFitError if the file is missing, damaged, or not a state
    dict."""
    try:
        if named := HASHED.fullmatch(path.name):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if not digest.startswith(named[1]):
                raise DamagedError("its SHA-256 does not start as in its name")
        state = load_weights_file(path)
    except FileNotFoundError:
        raise MotionFitError(f"there is no weight file {path}") from None
    except DamagedError as error:
        raise MotionFitError(
            f"{path} is damaged ({error}): download it again, or rename it if it is your own"
        ) from None
    except Exception:  # PyTorch raises many exceptions, with advice that does not apply
        state = None
    tensors = state.values() if isinstance(state, Mapping) else ()
    if not tensors or not all(isinstance(value, Tensor) for value in tensors):
        raise MotionFitError(
            f"{path} is not a weight file in torchvision's format, a state dict (names mapped to "
            "tensors): give a file that torchvision publishes, or one written by "
            "torch.save(network.state_dict(), FILE)"
        )
    return state


def names(network: VideoNetwork) -> dict[str, str]:
    """The network's names of its tensors, mapped to torchvision's names, for tensors that
    torchvision's network has."""
    return {
        name: published_name
        for name in network.state_dict()
        if (published_name := network.torchvision_name(name))
    }


def mismatch(network: VideoNetwork, state: Mapping[str, Tensor]) -> str:
    """Why weights do not fit a network, apart from its classifier; '' if they fit."""
    own = network.state_dict()
    shapes = {theirs: tuple(own[name].shape) for name, theirs in names(network).items()}
    # Old files do not contain the counts of batches. No network here uses them.
    missing = [
        name for name in shapes if name not in state and not name.endswith("num_batches_tracked")
    ]
    extra = [name for name in state if name not in shapes and not name.startswith(CLASSIFIERS)]
    unlike = [
        f"{name} {tuple(state[name].shape)} instead of {shape}"
        for name, shape in shapes.items()
        if name in state and tuple(state[name].shape) != shape
    ]
    problems = {
        f"of its {len(shapes)} tensors are missing": missing,
        "tensors do not belong to it": extra,
        "have another shape": unlike,
    }
    return "; ".join(
        f"{len(tensors)} {problem}, such as {tensors[0]}"
        for problem, tensors in problems.items()
        if tensors
    )


def backbone_of(state: Mapping[str, Tensor]) -> str | None:
    """The backbone of weights, if it is one of `PUBLISHED`."""
    with torch.device("meta"):  # shapes are enough
        networks = {name: new_network(name, Modality.FRAMES, 1) for name in PUBLISHED}
    return next((name for name in PUBLISHED if not mismatch(networks[name], state)), None)
