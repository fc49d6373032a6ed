"""Renders the videos of a demo data set."""

from motionfit.config import Demo
from motionfit.datasets.demo import render_videos
from motionfit.options import JsonRecipe, Output


def render_demo(*, recipe: JsonRecipe[Demo], output: Output) -> None:
    """Render the videos of a demo data set.

    The output is their labels.csv.
    """
    render_videos(recipe, output)
