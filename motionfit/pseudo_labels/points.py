"""The points that are clustered: on disk, and prepared a chunk at a time."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from sklearn.preprocessing import normalize

from motionfit.config import PseudoLabels
from motionfit.errors import MotionFitError

ROWS = 8192
"""Points of a chunk."""


def mapped(file: BinaryIO, columns: int) -> np.ndarray:
    """The float32 numbers that were written to `file` as a memory map (N, columns).

    The map outlives the file: one of `tempfile.TemporaryFile` has no name, so that its space is
    free again when the map is gone, however the program ends.
    """
    file.flush()
    return np.memmap(file, np.float32, "r+").reshape(-1, columns)


def prepared(points: np.ndarray, recipe: PseudoLabels, folder: Path | None = None) -> np.ndarray:
    """Points (N, D) as they are clustered, (N, D') float32: reduced to principal components and
    scaled to unit length where the recipe says so (as Caron et al. 2018 do).

    The result is a map of a temporary file in `folder` (None: the system's place for such), or the
    points themselves where there is nothing to do. Raises MotionFitError where there are fewer
    points or dimensions than components.
    """
    steps: list[Callable[[np.ndarray], np.ndarray]] = []
    columns = recipe.pca or points.shape[1]
    if recipe.pca is not None:
        if recipe.pca > min(points.shape):
            raise MotionFitError(
                f"pca is {recipe.pca}, but there are only {len(points)} features of "
                f"{points.shape[1]} dimensions: take fewer components"
            )
        mean, components = principal_components(points, recipe.pca, recipe.whiten)
        steps.append(lambda x: (x - mean) @ components)
    if recipe.normalise:
        steps.append(normalize)
    if not steps:
        return points
    with tempfile.TemporaryFile(dir=folder) as file:
        for x in chunks(points):
            for step in steps:
                x = step(x)
            file.write(np.ascontiguousarray(x, np.float32))
        return mapped(file, columns)


def principal_components(
    points: np.ndarray, number: int, whiten: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and components (D, `number`), float32, of points (N, D), such that
    (x - mean) @ components are x's principal components, of unit variance where they are whitened.

    Exact: from the covariance matrix, in float64. A component's largest entry is positive, as
    scikit-learn has it.
    """
    mean = sum(x.sum(axis=0, dtype=np.float64) for x in chunks(points)) / len(points)
    scatter = np.zeros((len(mean), len(mean)))
    for x in chunks(points):
        centred = x - mean
        scatter += centred.T @ centred
    variances, components = np.linalg.eigh(scatter / max(len(points) - 1, 1))
    # eigh's order is ascending.
    variances, components = variances[::-1][:number], components[:, ::-1][:, :number]
    components *= np.sign(components[np.abs(components).argmax(axis=0), np.arange(number)])
    if whiten:
        components /= np.sqrt(np.maximum(variances, np.finfo(np.float64).eps))
    return mean.astype(np.float32), components.astype(np.float32)


def chunks(points: np.ndarray) -> Iterator[np.ndarray]:
    for i in range(0, len(points), ROWS):
        yield points[i : i + ROWS]
