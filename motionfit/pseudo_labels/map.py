"""A map of the source: its features in two dimensions, for the report."""

import numpy as np
from sklearn.manifold import TSNE

POINTS = 200
"""Units on the map, spread evenly over the source. More would hide each other."""
PERPLEXITY = 30
FEWEST = 5
"""With fewer points there are no neighbourhoods, and the map shows them in a row."""


def units_on_map(count: int) -> np.ndarray:
    """Which of `count` units are on the map, in ascending order."""
    return np.unique(np.linspace(0, count - 1, min(count, POINTS)).round().astype(int))


def positions(points: np.ndarray, seed: int) -> np.ndarray:
    """(N, 2) positions of points (N, D), from 0 to 1: near each other if the features are (t-SNE;
    van der Maaten and Hinton 2008)."""
    if len(points) < FEWEST:
        return np.stack([np.linspace(0, 1, len(points)), np.full(len(points), 0.5)], axis=1)
    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    placed = TSNE(perplexity=perplexity, init="random", random_state=seed).fit_transform(points)
    low, spread = placed.min(axis=0), np.ptp(placed, axis=0)
    return (placed - low) / np.where(spread > 0, spread, 1)
