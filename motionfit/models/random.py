"""A network as it starts, of random or pre-trained weights, that others are compared with."""

from pathlib import Path

from motionfit.config import AppearanceModel
from motionfit.models.pretrained import starting_network
from motionfit.models.saved import SavedModel, save_model


def save_random_model(recipe: AppearanceModel, output: Path) -> None:
    """Saves an appearance model as it is before any training on pseudo-labels. Raises
    MotionFitError where the weight file of its network does not fit."""
    network = starting_network(recipe.network, "frames", 1, seed=recipe.training.seed)
    about = SavedModel(
        backbone=recipe.network.backbone,
        modality="frames",
        classes=["none"],
        clip_length=recipe.network.clip_length,
        frame_size=list(recipe.frame_size),
        crop=recipe.training.crop,
        fps=None,
        rate=None,
        quality=None,
        learned="labels of another data set" if recipe.network.weights else "nothing",
        split=None,
        recipe=recipe.to_json(),
    )
    save_model(network, about, output)
