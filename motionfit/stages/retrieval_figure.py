"""Makes a figure of queries and their nearest videos."""

from motionfit.config import RetrievalFigure
from motionfit.datasets.index import read_index
from motionfit.options import (
    ClipLength,
    FramesFolder,
    IndexFile,
    JsonRecipe,
    NeighboursFile,
    Output,
)
from motionfit.report.pictures import read_nearest
from motionfit.report.retrieval_figure import write_retrieval_figure


def retrieval_figure(
    *,
    recipe: JsonRecipe[RetrievalFigure],
    neighbours: NeighboursFile,
    index: IndexFile,
    frames: FramesFolder,
    clip_length: ClipLength,
    output: Output,
) -> None:
    """Show queries and the nearest videos that were retrieved for them."""
    nearest = read_nearest(neighbours)
    write_retrieval_figure(recipe, nearest, read_index(index), frames, clip_length, output)
