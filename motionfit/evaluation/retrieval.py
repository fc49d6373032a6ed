"""Retrieval: does a test video find training videos of its class, by the features of a model?"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from motionfit.datasets.index import part
from motionfit.files import replacing, write_json
from motionfit.models import SavedModel, load_model
from motionfit.models.device import inference_device
from motionfit.models.network import VideoNetwork
from motionfit.store.clips import ClipStore
from motionfit.training.data import uniform_starts
from motionfit.training.inference import check_finite, clip_outputs
from motionfit.training.labels import stored

log = logging.getLogger(__name__)

SHOWN = 10
"""Nearest videos a query that are kept for whoever wants to look."""
AT_ONCE = 2**24
"""Similarities that are in memory at a time."""


class Vectors(NamedTuple):
    """What is compared: clips, or videos."""

    features: np.ndarray
    """(P, D), of unit length."""
    labels: np.ndarray
    """(P,)"""


@dataclass(frozen=True)
class VideoClips:
    """V videos by N clips each. Those of a short video overlap, and come several times where it has
    fewer than N."""

    videos: np.ndarray
    """(V,) ids."""
    labels: np.ndarray
    """(V,)"""
    starts: np.ndarray
    """(V, N), in frames, ascending."""
    features: np.ndarray
    """(V, N, D), of unit length."""

    def by_clip(self) -> Vectors:
        """(V * N) clips, those of a video one after the other."""
        V, N, D = self.features.shape
        return Vectors(self.features.reshape(V * N, D), self.labels.repeat(N))

    def by_video(self) -> Vectors:
        """The mean of each video's clips, made of unit length."""
        return Vectors(unit(self.features.mean(axis=1)), self.labels)


def retrieve(
    model: Path,
    index: pd.DataFrame,
    split: int,
    clips: Path,
    clip_length: int,
    count: int,
    recall_at: list[int],
    threads: int,
    output: Path,
    neighbours: Path,
) -> None:
    """Recall at k of a split's test videos among its training videos, by two protocols.

    `clip`: each of the `count` clips of a test video is a query among those of all training videos;
    a video too short for as many has some several times, as the paper (Sec. 4.5) takes 10 clips of
    every video. `video`: a video is the mean of its clips. Both by the cosine of max-pooled
    features of the last residual block. `neighbours` gets the nearest training videos of each test
    video: see `nearest_videos`.
    """
    device = inference_device(threads)
    network, about = load_model(model)
    network.to(device)
    about = replace(about, clip_length=clip_length)
    store = ClipStore(clips, index["shard"], about.modality)
    train, test = (
        clip_features(
            network,
            about,
            stored(part(index, split, side), store, clip_length),
            store,
            count,
            device,
            threads,
        )
        for side in ("train", "test")
    )
    for side in (train, test):
        check_finite(side.features, model)
    result = {}
    for protocol, hits in {
        "clip": label_hits(test.by_clip(), train.by_clip(), max(recall_at)),
        "video": label_hits(test.by_video(), train.by_video(), max(recall_at)),
    }.items():
        result[protocol] = {f"R@{k}": recall(hits, k) for k in recall_at}
        log.info("%s by %s", result[protocol], protocol)
    write_json(output, result)
    with replacing(neighbours) as temporary:
        nearest_videos(test, train).to_csv(temporary, index=False)


def clip_features(
    network: VideoNetwork,
    about: SavedModel,
    rows: pd.DataFrame,
    store: ClipStore,
    count: int,
    device: torch.device,
    threads: int,
) -> VideoClips:
    """`count` evenly spread clips of each of some videos of an index, by their features."""
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
    """Vectors along the last axis made of length 1."""
    norms = np.linalg.norm(features, axis=-1, keepdims=True)
    return features / np.maximum(norms, 1e-12)


def similarities(queries: np.ndarray, gallery: np.ndarray) -> Iterator[np.ndarray]:
    """Cosines of queries (Q, D) and a gallery (G, D), as blocks (B, G) of queries that follow one
    another."""
    block = max(AT_ONCE // len(gallery), 1)
    for first in range(0, len(queries), block):
        yield queries[first : first + block] @ gallery.T


def largest(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of the `count` largest of each row of (B, G) values, and the values; (B, count) each,
    the largest first. All, where there are fewer."""
    count = min(count, values.shape[1])
    some = np.argpartition(-values, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(values, some, axis=1), axis=1, kind="stable")
    places = np.take_along_axis(some, order, axis=1)
    return places, np.take_along_axis(values, places, axis=1)


def label_hits(queries: Vectors, gallery: Vectors, count: int) -> np.ndarray:
    """(Q, count) bool: whether the n-th nearest of the gallery has the query's label."""
    places = [
        largest(block, count)[0] for block in similarities(queries.features, gallery.features)
    ]
    return gallery.labels[np.concatenate(places)] == queries.labels[:, None]


def recall(hits: np.ndarray, k: int) -> float:
    """Share of the queries (Q, N) with a hit among the first k."""
    return float(hits[:, :k].any(axis=1).mean())


def nearest_videos(queries: VideoClips, gallery: VideoClips) -> pd.DataFrame:
    """The SHOWN nearest videos of the middle clip of each query video, nearest first, each by its
    clip that is nearest: query, query_start, query_label, rank (from 1), video, start, label,
    similarity."""
    V, N = gallery.starts.shape
    middle = queries.starts.shape[1] // 2
    places, clips, cosines = [], [], []
    for block in similarities(queries.features[:, middle], gallery.by_clip().features):
        by_video = block.reshape(-1, V, N)
        found, similarity = largest(by_video.max(axis=2), SHOWN)
        places.append(found)
        cosines.append(similarity)
        clips.append(np.take_along_axis(by_video, found[..., None], axis=1).argmax(axis=2))
    found = np.concatenate(places)
    shown = found.shape[1]
    return pd.DataFrame(
        {
            "query": queries.videos.repeat(shown),
            "query_start": queries.starts[:, middle].repeat(shown),
            "query_label": queries.labels.repeat(shown),
            "rank": np.tile(np.arange(1, shown + 1), len(found)),
            "video": gallery.videos[found].ravel(),
            "start": gallery.starts[found, np.concatenate(clips)].ravel(),
            "label": gallery.labels[found].ravel(),
            "similarity": np.concatenate(cosines).ravel().astype(float).round(4),
        }
    )
