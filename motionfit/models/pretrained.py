"""Pre-trained weights in torchvision's format, to start a network from."""

import hashlib
import logging
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from motionfit.config import Network
from motionfit.errors import MotionFitError
from motionfit.files import DamagedError
from motionfit.modality import Modality
from motionfit.models.backbones import BACKBONES, build_network
from motionfit.models.network import VideoNetwork
from motionfit.models.s3d import SelfGating
from motionfit.models.weights import load_weights_file

log = logging.getLogger(__name__)

PUBLISHED = ("r2plus1d_18", "r3d_18", "s3d")
"""The backbones of `torchvision.models.video`, under the same names."""
CLASSIFIERS = ("fc.", "classifier.")
HASHED = re.compile(rf"(?:{'|'.join(PUBLISHED)})-([0-9a-f]{{8}})\.pth")
"""A published file's name, which tells how its SHA-256 begins."""


def starting_network(recipe: Network, modality: Modality, classes: int, seed: int) -> VideoNetwork:
    """The network that a training starts from: of random weights drawn by `seed` or, but for its
    classifier, of those in `recipe.weights`. Raises MotionFitError as `load_weights`."""
    network = build_network(recipe.backbone, modality, classes, seed)
    if recipe.weights:
        load_weights(network, recipe.backbone, recipe.weights)
    return network


def load_weights(network: VideoNetwork, backbone: str, path: Path) -> None:
    """Gives a network the weights of a file as torchvision publishes them: a state dict of
    `torchvision.models.video.r2plus1d_18`, `r3d_18` or `s3d`. What the file does not have keeps its
    values, like the classifier, which is of other classes; the gates of S3D-G start open.

    Raises MotionFitError where the file is missing, damaged, no state dict, or of another backbone.
    """
    state = read_state(path)
    if problem := mismatch(network, state):
        held = backbone_of(state)
        advice = (
            f"It holds those of {held}: choose that backbone, or another file."
            if held
            else f"Give the state dict of torchvision.models.video.{published(backbone)}."
        )
        raise MotionFitError(f"{path} does not hold weights of {backbone}: {problem}. {advice}")
    # Not strict, since the classifier and the gates are left out; all else is there, by `mismatch`.
    loaded = {
        name: state[published_name]
        for name, published_name in names(network).items()
        if published_name in state
    }
    network.load_state_dict(loaded, strict=False)
    log.info("%s starts from %s", backbone, path)
    if backbone != published(backbone):
        # As drawn at random, every gate would halve what the layers after it were trained on.
        for module in network.modules():
            if isinstance(module, SelfGating):
                module.open()
        log.info("its gates, which %s has not, start open", published(backbone))


def read_state(path: Path) -> Mapping[str, Tensor]:
    try:
        if (named := HASHED.fullmatch(path.name)) and not digest(path).startswith(named[1]):
            raise DamagedError("its SHA-256 does not begin as its name says")
        state = load_weights_file(path)
    except FileNotFoundError:
        raise MotionFitError(f"there is no weight file {path}") from None
    except DamagedError as error:
        raise MotionFitError(
            f"{path} is damaged ({error}): download it again, or rename it if it is your own"
        ) from None
    except Exception:  # PyTorch raises many kinds, with advice that does not apply
        state = None
    if (
        not isinstance(state, Mapping)
        or not state
        or not all(isinstance(value, Tensor) for value in state.values())
    ):
        raise MotionFitError(
            f"{path} is no weight file in torchvision's format, that is a state dict (names to "
            "tensors): give a file that torchvision publishes, or one written by "
            "torch.save(network.state_dict(), FILE)"
        )
    return state


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def names(network: VideoNetwork) -> dict[str, str]:
    """The network's names of its tensors to torchvision's, without those that it has not."""
    return {
        name: published_name
        for name in network.state_dict()
        if (published_name := network.torchvision_name(name))
    }


def mismatch(network: VideoNetwork, state: Mapping[str, Tensor]) -> str:
    """What keeps weights from being those of a network, the classifier aside; '' where they fit."""
    expected = network.state_dict()
    shapes = {
        published_name: tuple(expected[name].shape)
        for name, published_name in names(network).items()
    }
    # Old files have no counts of batches, which no network here uses.
    missing = [
        name for name in shapes if name not in state and not name.endswith("num_batches_tracked")
    ]
    extra = [name for name in state if name not in shapes and not name.startswith(CLASSIFIERS)]
    unlike = [
        f"{name} {tuple(state[name].shape)} where {shape} belongs"
        for name, shape in shapes.items()
        if name in state and tuple(state[name].shape) != shape
    ]
    problems = []
    if missing:
        problems.append(
            f"{len(missing)} of its {len(shapes)} tensors are missing, such as {missing[0]}"
        )
    if extra:
        problems.append(f"{len(extra)} tensors are not of it, such as {extra[0]}")
    if unlike:
        problems.append(f"{len(unlike)} have another shape, such as {unlike[0]}")
    return "; ".join(problems)


def backbone_of(state: Mapping[str, Tensor]) -> str | None:
    """The backbone that weights are of, where it is one of torchvision's that are known here."""
    with torch.device("meta"):  # shapes are enough
        networks = {name: BACKBONES[name](Modality.FRAMES, 1) for name in PUBLISHED}
    return next((name for name in PUBLISHED if not mismatch(networks[name], state)), None)


def published(backbone: str) -> str:
    """torchvision's name of a backbone."""
    return "s3d" if backbone == "s3d_g" else backbone
