"""A network of random weights, as a model that others are compared with."""

from pathlib import Path

from motionfit.config import AppearanceModel
from motionfit.models.backbones import build_network
from motionfit.models.saved import SavedModel, save_model


def save_random_model(recipe: AppearanceModel, output: Path) -> None:
    """Saves an appearance model as it is before any training."""
    network = build_network(recipe.network.backbone, "frames", 1, seed=recipe.training.seed)
    about = SavedModel(
        backbone=recipe.network.backbone,
        modality="frames",
        classes=["none"],
        clip_length=recipe.network.clip_length,
        frame_size=list(recipe.frame_size),
        crop=recipe.training.crop,
        fps=None,
        learned="nothing",
        split=None,
        recipe=recipe.to_json(),
    )
    save_model(network, about, output)
