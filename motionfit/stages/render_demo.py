"""Renders the videos of a demo data set."""

from motionfit import options
from motionfit.config import Demo
from motionfit.datasets.demo import render_videos


def render_demo(*, recipe: options.JsonRecipe[Demo], output: options.Output) -> None:
    """Render the videos of a demo data set.

    The output is their labels.csv.
    """
    render_videos(recipe, output)
