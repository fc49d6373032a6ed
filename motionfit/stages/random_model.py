"""Saves a network with random or pre-trained weights, as a baseline."""

from motionfit import options
from motionfit.config import AppearanceModel
from motionfit.modality import Modality
from motionfit.models import Learned, SavedModel, origin, save_model, starting_network


def random_model(*, recipe: options.JsonRecipe[AppearanceModel], output: options.Output) -> None:
    """Save an RGB network with random or pre-trained weights, as a baseline.

    It is an appearance model before it is trained on pseudo-labels.
    """
    network = starting_network(recipe.network, Modality.FRAMES, 1, seed=recipe.training.seed)
    history, licence = origin(recipe.network)
    about = SavedModel(
        backbone=recipe.network.backbone,
        modality=Modality.FRAMES,
        classes=["none"],
        clip_length=recipe.network.clip_length,
        frame_size=list(recipe.frame_size),
        crop=recipe.training.crop,
        learned=Learned.OTHER_LABELS if recipe.network.weights else Learned.NOTHING,
        recipe=recipe.to_json(),
        history=history,
        licence=licence,
    )
    save_model(network, about, output)
