"""Makes a figure of queries and their nearest videos."""

from pathlib import Path

from motionfit import options
from motionfit.config import RetrievalFigure
from motionfit.datasets.index import read_index
from motionfit.report.pictures import read_nearest
from motionfit.report.retrieval_figure import write_retrieval_figure


def retrieval_figure(
    *,
    recipe: options.JsonRecipe[RetrievalFigure],
    neighbours: Path,
    index: options.IndexFile,
    frames: options.FramesFolder,
    clip_length: options.ClipLength,
    output: options.Output,
) -> None:
    """Show queries and the nearest videos that were retrieved for them.

    Parameters
    ----------
    neighbours
        The neighbours.csv that `retrieval` writes.
    """
    nearest = read_nearest(neighbours)
    write_retrieval_figure(recipe, nearest, read_index(index), frames, clip_length, output)
