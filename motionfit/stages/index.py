"""Makes the index of a data set."""

from pathlib import Path

from motionfit import options
from motionfit.datasets.build import build_index
from motionfit.datasets.index import write_index


def index(
    *, recipe: options.DataSetRecipe, videos: Path | None = None, output: options.Output
) -> None:
    """Index a data set: one row per video.

    Parameters
    ----------
    videos
        Folder of the rendered videos of a demo. The recipes of other data sets name their folder.
    """
    write_index(build_index(recipe, videos), output)
