"""Retrieval: does a test video find training videos of its class, by the features of a model?"""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from motionfit.datasets.index import part
from motionfit.files import replacing, write_json
from motionfit.models import SavedModel, load_model
from motionfit.models.device import inference_device
from motionfit.models.network import VideoNetwork
from motionfit.store.clips import ClipStore
from motionfit.training.data import distinct_starts
from motionfit.training.inference import clip_outputs
from motionfit.training.labels import stored

log = logging.getLogger(__name__)

SHOWN = 10
"""Neighbours a query that are kept for whoever wants to look."""


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

    `clip`: the `count` clips of a test video are queries of their own among all training clips;
    `video`: a video is the mean of its clips. Both by the cosine of max-pooled features of the
    last residual block. `neighbours` gets the nearest training clips of the middle clip of each
    test video: query, query_start, query_label, rank, video, start, label, similarity.
    """
    device = inference_device(threads)
    network, about = load_model(model)
    network.to(device)
    about = replace(about, clip_length=clip_length)
    store = ClipStore(clips, index["shard"], about.modality)
    sides = {}
    for name in ("train", "test"):
        rows = stored(part(index, split, name), store, about.clip_length)
        sides[name] = clip_features(network, about, rows, store, count, device, threads)
    result = {}
    for protocol, sets in {
        "clip": sides,
        "video": {name: video_means(table) for name, table in sides.items()},
    }.items():
        hits = label_hits(sets["test"], sets["train"], max(recall_at))
        result[protocol] = {f"R@{k}": recall(hits, k) for k in recall_at}
        log.info("%s by %s", result[protocol], protocol)
    write_json(output, result)
    with replacing(neighbours) as temporary:
        nearest_clips(sides["test"], sides["train"]).to_csv(temporary, index=False)


def clip_features(
    network: VideoNetwork,
    about: SavedModel,
    rows: pd.DataFrame,
    store: ClipStore,
    count: int,
    device: torch.device,
    threads: int,
) -> pd.DataFrame:
    """A row a clip: video, start, label, feature (D,) of unit length."""
    starts = {video: distinct_starts(store.length(video), about.clip_length, count)
              for video in rows["video"]}  # fmt: skip
    features = clip_outputs(lambda x: network.feature_map(x).amax(dim=(2, 3, 4)), about, store,
                            starts, device, threads)  # fmt: skip
    records = [
        (row.video, start, row.label, feature)
        for row in rows.itertuples()
        for start, feature in zip(starts[row.video], unit(features[row.video]), strict=True)
    ]
    return pd.DataFrame(records, columns=["video", "start", "label", "feature"])


def video_means(clips: pd.DataFrame) -> pd.DataFrame:
    """A row a video: the mean of its clips' features, made of unit length."""
    records = [
        (video, table["label"].iloc[0], unit(np.stack(list(table["feature"])).mean(axis=0)))
        for video, table in clips.groupby("video", sort=False)
    ]
    return pd.DataFrame(records, columns=["video", "label", "feature"])


def unit(features: np.ndarray) -> np.ndarray:
    """Vectors along the last axis made of length 1."""
    norms = np.linalg.norm(features, axis=-1, keepdims=True)
    return features / np.maximum(norms, 1e-12)


def nearest(queries: np.ndarray, gallery: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Places in the gallery (G, D) of the `count` nearest to each query (Q, D), and their cosines;
    (Q, count) each, nearest first."""
    count = min(count, len(gallery))
    places, cosines = [], []
    for block in np.array_split(queries, -(-len(queries) // 1024)):
        similarity = block @ gallery.T
        some = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(similarity, some, axis=1), axis=1, kind="stable")
        places.append(np.take_along_axis(some, order, axis=1))
        cosines.append(np.take_along_axis(similarity, places[-1], axis=1))
    return np.concatenate(places), np.concatenate(cosines)


def label_hits(queries: pd.DataFrame, gallery: pd.DataFrame, count: int) -> np.ndarray:
    """(Q, count) bool: whether the n-th nearest of the gallery has the query's label."""
    places, _ = nearest(np.stack(list(queries["feature"])), np.stack(list(gallery["feature"])),
                        count)  # fmt: skip
    return gallery["label"].to_numpy()[places] == queries["label"].to_numpy()[:, None]


def recall(hits: np.ndarray, k: int) -> float:
    """Share of the queries (Q, N) with a hit among the first k."""
    return float(hits[:, :k].any(axis=1).mean())


def nearest_clips(queries: pd.DataFrame, gallery: pd.DataFrame) -> pd.DataFrame:
    """The nearest training clips of the middle clip of each test video, a row each."""
    middle = queries.groupby("video", sort=False).apply(
        lambda table: table.iloc[len(table) // 2], include_groups=False
    )
    middle = middle.reset_index()
    places, cosines = nearest(
        np.stack(list(middle["feature"])), np.stack(list(gallery["feature"])), SHOWN
    )
    records = []
    for query, row, similarity in zip(middle.itertuples(), places, cosines, strict=True):
        for rank, (place, cosine) in enumerate(zip(row, similarity, strict=True), 1):
            found = gallery.iloc[place]
            records.append((query.video, query.start, query.label, rank, found["video"],
                            found["start"], found["label"], round(float(cosine), 4)))  # fmt: skip
    return pd.DataFrame(
        records,
        columns=["query", "query_start", "query_label", "rank", "video", "start", "label",
                 "similarity"],
    )  # fmt: skip
