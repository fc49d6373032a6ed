"""The points to cluster, which may not fit in memory: arrays on disk, processed in chunks."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from sklearn.preprocessing import normalize

from motionfit.config import PseudoLabels
from motionfit.errors import MotionFitError

ROWS = 8192
"""Points per chunk."""


def mapped(file: BinaryIO, columns: int) -> np.ndarray:
    """Memory map (N, columns) of the float32 numbers that were written to `file`.

    The map stays valid after the file is closed. A `tempfile.TemporaryFile` has no name, so the
    system frees its space with the map, even if the program crashes.
    """
    file.flush()
    return np.memmap(file, np.float32, "r+").reshape(-1, columns)


def prepared(points: np.ndarray, recipe: PseudoLabels, folder: Path | None = None) -> np.ndarray:
    """Prepares points (N, D) for clustering: (N, D') float32, reduced to principal components and
    scaled to unit length if the recipe says so (as in Caron et al. 2018).

    The result is a memory map of a temporary file in `folder` (None: the system's default), or the
    points themselves if there is nothing to do. Raises MotionFitError if there are fewer points or
    dimensions than components.
    """
    if recipe.pca is None and not recipe.normalise:
        return points
    if recipe.pca is not None:
        if recipe.pca > min(points.shape):
            raise MotionFitError(
                f"pca is {recipe.pca}, but there are only {len(points)} features of "
                f"{points.shape[1]} dimensions: use fewer components"
            )
        mean, components = principal_components(points, recipe.pca, recipe.whiten)
    with tempfile.TemporaryFile(dir=folder) as file:
        for x in chunks(points):
            if recipe.pca is not None:
                x = (x - mean) @ components
            if recipe.normalise:
                x = normalize(x)
            file.write(np.ascontiguousarray(x, np.float32))
        return mapped(file, recipe.pca or points.shape[1])


def principal_components(
    points: np.ndarray, number: int, whiten: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and components (D, `number`), float32, of points (N, D). The principal components
    of x are (x - mean) @ components; with `whiten` they have unit variance.

    Computed exactly, from the covariance matrix in float64. The largest entry of each component is
    positive, as in scikit-learn.
    """
    mean = sum(x.sum(axis=0, dtype=np.float64) for x in chunks(points)) / len(points)
    scatter = np.zeros((len(mean), len(mean)))
    for x in chunks(points):
        centred = x - mean
        scatter += centred.T @ centred
    variances, components = np.linalg.eigh(scatter / max(len(points) - 1, 1))
    # eigh gives the variances in ascending order.
    variances, components = variances[::-1][:number], components[:, ::-1][:, :number]
    components *= np.sign(components[np.abs(components).argmax(axis=0), np.arange(number)])
    if whiten:
        components /= np.sqrt(np.maximum(variances, np.finfo(np.float64).eps))
    return mean.astype(np.float32), components.astype(np.float32)


def chunks(points: np.ndarray) -> Iterator[np.ndarray]:
    """Consecutive blocks of ROWS points."""
    for i in range(0, len(points), ROWS):
        yield points[i : i + ROWS]
