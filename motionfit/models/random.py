"""An appearance model before self-training, with random or pre-trained weights, as a baseline."""

from pathlib import Path

from motionfit.config import AppearanceModel
from motionfit.modality import Modality
from motionfit.models.pretrained import starting_network
from motionfit.models.saved import Learned, SavedModel, save_model


def save_random_model(recipe: AppearanceModel, output: Path) -> None:
    """Saves an appearance model as it is before training on pseudo-labels. Raises MotionFitError if
    its weight file does not fit."""
    network = starting_network(recipe.network, Modality.FRAMES, 1, seed=recipe.training.seed)
    about = SavedModel(
        backbone=recipe.network.backbone,
        modality=Modality.FRAMES,
        classes=["none"],
        clip_length=recipe.network.clip_length,
        frame_size=list(recipe.frame_size),
        crop=recipe.training.crop,
        fps=None,
        rate=None,
        quality=None,
        learned=Learned.OTHER_LABELS if recipe.network.weights else Learned.NOTHING,
        split=None,
        recipe=recipe.to_json(),
    )
    save_model(network, about, output)
