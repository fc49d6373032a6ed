"""A network of random or pre-trained weights, to compare others with."""

from motionfit.config import AppearanceModel
from motionfit.models.random import save_random_model
from motionfit.options import JsonRecipe, Output


def random_model(*, recipe: JsonRecipe[AppearanceModel], output: Output) -> None:
    """Save an RGB network of random or pre-trained weights, to compare with."""
    save_random_model(recipe, output)
