"""Finds the clips of an index that are nearest to a query video."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from motionfit.errors import MotionFitError
from motionfit.use.embeddings import Embeddings, checksum, read_embeddings
from motionfit.use.model import Embedding, Model


@dataclass(frozen=True)
class Hit:
    """A clip of the index."""

    video: str
    start: float
    """Seconds."""
    end: float
    similarity: float
    """Cosine similarity to the query, at most 1."""


def search(model: Model, query: Path, index: Path, top: int) -> tuple[Embedding, list[Hit]]:
    """The features of a query video, and the `top` clips of an index with the highest cosine
    similarity to them, the nearest first.

    Raises MotionFitError if the index was made with another model.
    """
    embeddings = read_embeddings(index)
    if embeddings.model != checksum(model.path):
        raise MotionFitError(
            f"{index} was made with another model than {model.path}, so the features can't be "
            "compared: give that model, or write the index again with `motionfit embed`"
        )
    [embedding] = model.embeddings(query)
    return embedding, nearest(embedding.features, embeddings, top)


def nearest(query: np.ndarray, embeddings: Embeddings, top: int) -> list[Hit]:
    """The `top` rows with the highest cosine similarity to the features (D,) of a query. Rows that
    are equally near keep their order. A row that shares more than half of its time with a nearer
    one of the same video is left out, so that windows that overlap do not show a moment twice."""
    similarities = normalised(embeddings.features) @ normalised(query[None])[0]
    hits: list[Hit] = []
    for i in np.argsort(-similarities, kind="stable"):
        if len(hits) == top:
            break
        times = float(embeddings.starts[i]), float(embeddings.ends[i])
        hit = Hit(embeddings.videos[i], *times, float(similarities[i]))
        if not any(overlap(hit, nearer) for nearer in hits):
            hits.append(hit)
    return hits


def overlap(hit: Hit, other: Hit) -> bool:
    """Whether a clip shares more than half of its time with another."""
    shared = min(hit.end, other.end) - max(hit.start, other.start)
    return hit.video == other.video and shared > 0.5 * (hit.end - hit.start)


def normalised(features: np.ndarray) -> np.ndarray:
    """Rows (N, D) of unit length. A row of zeros stays as it is."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(lengths, np.finfo(np.float32).tiny)


def print_hits(hits: Sequence[Hit]) -> None:
    """Prints one row per hit: similarity, start and end in seconds, video. Names stay in one line,
    so that they can be copied."""
    table = Table("similarity", "start", "end", "video")
    for hit in hits:
        times = f"{hit.start:.2f}", f"{hit.end:.2f}"
        table.add_row(f"{hit.similarity:.4f}", *times, escape(hit.video))
    console = Console()
    widest = console.measure(table, options=console.options.update(max_width=sys.maxsize)).maximum
    console.width = max(console.width, widest)
    console.print(table)
