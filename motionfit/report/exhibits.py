"""Example clips for the report: members of clusters, frames with their flow, and what retrieval
finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from motionfit.config import Config
from motionfit.graph import Needed
from motionfit.modality import Modality
from motionfit.report.collect import Clustering, EvaluationResult
from motionfit.report.pictures import (
    FILM_FRAMES,
    Film,
    FlowPicture,
    StoredClips,
    common_scale,
    film,
    flow_picture,
    mean_flow,
    spread,
    spread_over,
)

CLUSTERS, CLIPS_PER_CLUSTER, LABELS_PER_CLUSTER = 6, 8, 3
FLOW_VIDEOS, FLOW_STEPS = 4, 5
QUERIES, NEIGHBOURS = 4, 8

Indices = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Clip:
    """A clip as read from the store."""

    video: str
    start: int
    label: str
    frames: np.ndarray
    """(N, H, W, 3) uint8."""
    flow: np.ndarray | None
    """(H, W, 2) mean flow in pixels per frame. None if the run has computed no flow."""


@dataclass(frozen=True)
class ClipPicture:
    """A clip as pictures for the page."""

    video: str
    start: int
    label: str
    film: Film
    flow: FlowPicture | None


@dataclass(frozen=True)
class Cluster:
    """A cluster with some of its clips."""

    number: int
    size: int
    true_labels: list[tuple[str, float]]
    """The commonest true labels and their shares. Empty if no true label is known."""
    clips: list[ClipPicture]


@dataclass(frozen=True)
class FlowVideo:
    """Single frames of a video, each with its flow."""

    video: str
    label: str
    steps: list[ClipPicture]


@dataclass(frozen=True)
class Retrieved:
    """The nearest videos to a query by the features of one evaluation's model."""

    evaluation: str
    kind: str
    neighbours: list[tuple[ClipPicture, bool]]
    """The nearest clip of each video, nearest first, and whether it has the query's label."""


@dataclass(frozen=True)
class Query:
    """A clip of a test video, and what each compared evaluation retrieves for it."""

    clip: ClipPicture
    retrieved: list[Retrieved]


# --------------------------------------------------------------------------------------- reading


class ClipReader:
    """Reads clips of a data set, with their flow if the run has computed any."""

    def __init__(
        self,
        config: Config,
        results: Path,
        dataset: str,
        index: pd.DataFrame,
        size: tuple[int, int],
        flow: str | None,
    ):
        frames = results / "frames" / dataset / f"{size[0]}x{size[1]}"
        self._frames = StoredClips(frames, index, Modality.FRAMES)
        self._flow = (
            StoredClips(results / "flow" / dataset / flow, index, Modality.FLOW) if flow else None
        )
        self._bound = config.flow[flow].bound if flow else 0.0
        self._labels = dict(zip(index["video"], index["label"], strict=True))

    def length(self, video: str) -> int:
        """Number of frames of a video. 0 if it could not be decoded."""
        store = self._frames.store(video)
        return store.length(video) if store else 0

    def clip(self, video: str, start: int, length: int) -> Clip | None:
        """Reads a clip. None if the video could not be decoded."""
        frames = self._frames.spread(video, start, length, FILM_FRAMES)
        if frames is None:
            return None
        flow = self._flow.spread(video, start, length, FILM_FRAMES) if self._flow else None
        if flow is not None:
            flow = mean_flow(flow, self._bound)
        return Clip(video, start, self._labels[video], frames, flow)


def clip_picture(clip: Clip, scale: float) -> ClipPicture:
    """Turns a clip into pictures. Motion of `scale` pixels per frame and more has full colour."""
    flow = None if clip.flow is None else flow_picture(clip.flow, scale)
    return ClipPicture(clip.video, clip.start, clip.label, film(clip.frames), flow)


def scale_of(clips: Sequence[Clip]) -> float:
    """The motion, in pixels per frame, that has full colour in the pictures of all these clips."""
    return common_scale([clip.flow for clip in clips if clip.flow is not None])


# -------------------------------------------------------------------------------------- clusters


def choose_clusters(sizes: Sequence[int], count: int) -> list[int]:
    """Chooses at most `count` non-empty clusters, spread evenly by rank of size from the largest to
    the smallest."""
    order = [int(k) for k in np.argsort(-np.asarray(sizes), kind="stable") if sizes[k]]
    return spread(order, count)


def cluster_examples(
    config: Config, results: Path, clustering: Clustering, units: pd.DataFrame, indices: Indices
) -> tuple[list[Cluster], float]:
    """Returns some clusters with some of their clips, and the motion that has full colour, in
    pixels per frame. The clips have flow if the motion model reads flow."""
    recipe = config.pseudo_labels[clustering.name]
    flow, size = config.flow_of(recipe.motion_model), config.size_of(recipe.motion_model)
    reader = ClipReader(config, results, recipe.dataset, indices[recipe.dataset], size, flow)
    sizes = clustering.qualities[clustering.split]["sizes"]
    clips_of_cluster = {}
    for number in choose_clusters(sizes, CLUSTERS):
        cluster_units = units[units["label"] == number]
        clips_of_cluster[number] = [
            clip
            for row in spread_over(cluster_units, "video", CLIPS_PER_CLUSTER).itertuples()
            if (clip := reader.clip(row.video, row.start, row.length))
        ]
    scale = scale_of([clip for clips in clips_of_cluster.values() for clip in clips])
    clusters = [
        Cluster(
            number,
            sizes[number],
            commonest_labels(units[units["label"] == number]["truth"]),
            [clip_picture(clip, scale) for clip in clips],
        )
        for number, clips in clips_of_cluster.items()
    ]
    return clusters, scale


def commonest_labels(truth: pd.Series) -> list[tuple[str, float]]:
    """The commonest of the known true labels, each with its share of them."""
    shares = truth[truth != ""].value_counts(normalize=True).head(LABELS_PER_CLUSTER)
    return [(str(label), float(share)) for label, share in shares.items()]


# ------------------------------------------------------------------------------------------ flow


def flow_examples(
    config: Config, results: Path, dataset: str, flow: str, index: pd.DataFrame
) -> tuple[list[FlowVideo], float]:
    """Returns some videos with the flow of a few frames, and the motion that has full colour, in
    pixels per frame. The videos have different labels if the data set has labels."""
    recipe = config.flow[flow]
    reader = ClipReader(config, results, dataset, index, recipe.size, flow)
    candidates = index.drop_duplicates("label") if (index["label"] != "").any() else index
    videos = []
    # Twice as many as the report shows, because some may not have been decodable.
    for row in index.loc[spread(list(candidates.index), 2 * FLOW_VIDEOS)].itertuples():
        if length := reader.length(row.video):
            # The last frame has no flow of its own.
            steps = spread(range(length - 1), FLOW_STEPS)
            videos.append((row, [reader.clip(row.video, step, 1) for step in steps]))
    videos = spread(videos, FLOW_VIDEOS)
    scale = scale_of([clip for _, clips in videos for clip in clips])
    return [
        FlowVideo(row.video, row.label, [clip_picture(clip, scale) for clip in clips])
        for row, clips in videos
    ], scale


# ------------------------------------------------------------------------------------- retrieval


def retrieval_examples(
    config: Config,
    results: Path,
    needed: Needed,
    neighbours: Sequence[tuple[EvaluationResult, pd.DataFrame]],
    indices: Indices,
) -> tuple[list[Query], float]:
    """Returns some queries with what each evaluation retrieves for them, and the motion that has
    full colour, in pixels per frame. The queries are spread evenly over the test videos.

    `neighbours`: evaluations on one data set, each with its table of the nearest training videos.
    If it is empty, there are no queries.
    """
    if not neighbours:
        return [], 0.0
    first = neighbours[0][0].recipe
    index = indices[first.dataset]
    flow = next((name for dataset, name in needed.flow if dataset == first.dataset), None)
    size = config.size_of(first.model)
    reader = ClipReader(config, results, first.dataset, index, size, flow)
    tables = [table for _, table in neighbours]
    queries = []
    for query in spread(common_queries(tables), QUERIES):
        start = tables[0].loc[tables[0]["query"] == query, "query_start"].iloc[0]
        if (clip := reader.clip(query, start, first.clip_length)) is None:
            continue
        retrieved = []
        for evaluation, table in neighbours:
            rows = table[table["query"] == query].sort_values("rank").head(NEIGHBOURS)
            nearest = [
                (other, row.label == row.query_label)
                for row in rows.itertuples()
                if (other := reader.clip(row.video, row.start, evaluation.recipe.clip_length))
            ]
            retrieved.append((evaluation, nearest))
        queries.append((clip, retrieved))
    scale = scale_of(
        [clip for clip, _ in queries]
        + [clip for _, retrieved in queries for _, nearest in retrieved for clip, _ in nearest]
    )
    return [
        Query(
            clip_picture(clip, scale),
            [
                Retrieved(
                    evaluation.name,
                    evaluation.kind,
                    [(clip_picture(other, scale), hit) for other, hit in nearest],
                )
                for evaluation, nearest in retrieved
            ],
        )
        for clip, retrieved in queries
    ], scale


def common_queries(tables: Sequence[pd.DataFrame]) -> list[str]:
    """The queries that are in every table, in the order of the first table."""
    common = set.intersection(*(set(table["query"]) for table in tables))
    return [query for query in tables[0]["query"].unique() if query in common]
