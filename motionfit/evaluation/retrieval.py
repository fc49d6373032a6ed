"""Retrieval: whether the training videos nearest to a test video, by a model's features, have its
class."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from motionfit.clips.sampling import uniform_starts
from motionfit.inference import clip_outputs
from motionfit.models import SavedModel
from motionfit.models.network import VideoNetwork
from motionfit.store.clips import ClipStore

SHOWN = 10
"""Nearest videos per query in the table of neighbours."""
BLOCK_SIZE = 2**24
"""Number of similarities in memory at a time."""


class Vectors(NamedTuple):
    """The clips, or videos, to compare."""

    features: np.ndarray
    """(P, D), of length 1."""
    labels: np.ndarray
    """(P,)"""


@dataclass(frozen=True)
class VideoClips:
    """N clips of each of V videos. The clips of a short video overlap, and some are repeated if it
    has fewer than N different ones."""

    videos: np.ndarray
    """(V,) ids."""
    labels: np.ndarray
    """(V,)"""
    starts: np.ndarray
    """(V, N) first frame of each clip, in ascending order."""
    features: np.ndarray
    """(V, N, D), of length 1."""

    def by_clip(self) -> Vectors:
        """All V * N clips, video by video."""
        V, N, D = self.features.shape
        return Vectors(self.features.reshape(V * N, D), self.labels.repeat(N))

    def by_video(self) -> Vectors:
        """The mean of the clips of each video, scaled to length 1."""
        return Vectors(unit(self.features.mean(axis=1)), self.labels)


def clip_features(
    network: VideoNetwork,
    about: SavedModel,
    rows: pd.DataFrame,
    store: ClipStore,
    count: int,
    device: torch.device,
    threads: int,
) -> VideoClips:
    """Features of `count` evenly spread clips of each video; `rows` are rows of an index."""
    starts = {
        video: uniform_starts(store.length(video), about.clip_length, count)
        for video in rows["video"]
    }
    features = clip_outputs(
        lambda x: network.feature_map(x).amax(dim=(2, 3, 4)), about, store, starts, device, threads
    )
    return VideoClips(
        rows["video"].to_numpy(),
        rows["label"].to_numpy(),
        np.array(list(starts.values())),
        unit(np.stack(list(features.values()))),
    )


def unit(features: np.ndarray) -> np.ndarray:
    """Scales the vectors along the last axis to length 1."""
    norms = np.linalg.norm(features, axis=-1, keepdims=True)
    return features / np.maximum(norms, 1e-12)


def similarities(queries: np.ndarray, gallery: np.ndarray) -> Iterator[np.ndarray]:
    """Cosine similarities of queries (Q, D) and a gallery (G, D), in consecutive blocks (B, G) of
    queries."""
    block = max(BLOCK_SIZE // len(gallery), 1)
    for first in range(0, len(queries), block):
        yield queries[first : first + block] @ gallery.T


def largest(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the `count` largest values in each row (B, G), and these values, in descending
    order; (B, count) each. If G is smaller than `count`, all of them."""
    count = min(count, values.shape[1])
    unsorted = np.argpartition(-values, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(values, unsorted, axis=1), axis=1, kind="stable")
    indices = np.take_along_axis(unsorted, order, axis=1)
    return indices, np.take_along_axis(values, indices, axis=1)


def label_hits(queries: Vectors, gallery: Vectors, count: int) -> np.ndarray:
    """(Q, count) bool: whether the n-th nearest item of the gallery has the label of the query."""
    nearest = [
        largest(block, count)[0] for block in similarities(queries.features, gallery.features)
    ]
    return gallery.labels[np.concatenate(nearest)] == queries.labels[:, None]


def recall(hits: np.ndarray, k: int) -> float:
    """Fraction of the queries with a hit among the first k; hits: (Q, N)."""
    return float(hits[:, :k].any(axis=1).mean())


def nearest_videos(queries: VideoClips, gallery: VideoClips) -> pd.DataFrame:
    """The SHOWN nearest gallery videos of each query video: query, query_start, query_label, rank
    (from 1), video, start, label, similarity.

    The middle clip of the query is compared with all clips of a gallery video; the most similar one
    represents the video.
    """
    V, N = gallery.starts.shape
    middle = queries.starts.shape[1] // 2
    videos, clips, cosines = [], [], []
    for block in similarities(queries.features[:, middle], gallery.by_clip().features):
        by_video = block.reshape(-1, V, N)
        nearest, similarity = largest(by_video.max(axis=2), SHOWN)
        videos.append(nearest)
        cosines.append(similarity)
        clips.append(np.take_along_axis(by_video, nearest[..., None], axis=1).argmax(axis=2))
    nearest = np.concatenate(videos)
    shown = nearest.shape[1]
    return pd.DataFrame(
        {
            "query": queries.videos.repeat(shown),
            "query_start": queries.starts[:, middle].repeat(shown),
            "query_label": queries.labels.repeat(shown),
            "rank": np.tile(np.arange(1, shown + 1), len(nearest)),
            "video": gallery.videos[nearest].ravel(),
            "start": gallery.starts[nearest, np.concatenate(clips)].ravel(),
            "label": gallery.labels[nearest].ravel(),
            "similarity": np.concatenate(cosines).ravel().astype(float).round(4),
        }
    )
