"""Example clips for the report: members of clusters, frames with their flow, and what retrieval
finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from motionfit.config import Evaluation
from motionfit.flow.encoding import dequantise
from motionfit.graph import size_name
from motionfit.modality import Modality
from motionfit.report.collect import EvaluationResult, read_units
from motionfit.report.pictures import (
    FILM_FRAMES,
    Film,
    StoredClips,
    common_scale,
    film,
    spread,
    spread_over,
)
from motionfit.report.plots import cluster_sizes
from motionfit.report.run import Run

CLUSTERS, CLIPS_PER_CLUSTER, LABELS_PER_CLUSTER = 6, 8, 3
FLOW_VIDEOS, FLOW_STEPS = 4, 5
QUERIES, NEIGHBOURS = 4, 8


@dataclass(frozen=True)
class Clip:
    """A clip of a video with a label."""

    video: str
    start: int
    label: str
    film: Film
    flow: np.ndarray | None
    """(H, W, 2) mean flow in pixels per frame. None if the run has computed no flow."""


@dataclass(frozen=True)
class Cluster:
    """A cluster with some of its clips."""

    number: int
    size: int
    true_labels: list[tuple[str, float]]
    """The commonest true labels and their shares. Empty if no true label is known."""
    clips: list[Clip]


@dataclass(frozen=True)
class Clustering:
    """Pseudo-labels with a chart of the cluster sizes and clips of some clusters."""

    name: str
    description: str
    qualities: dict[int, dict[str, Any]]
    """Maps each split to the quality of its pseudo-labels."""
    split: int
    """The split whose clusters are shown."""
    sizes: str
    """The chart, as SVG."""
    motion: bool
    """Whether the features describe motion. Otherwise they describe appearance."""
    clusters: list[Cluster]
    """Empty if the report shows no clips of these pseudo-labels."""
    scale: float
    """The motion that has full colour, in pixels per frame."""

    @property
    def has_true_labels(self) -> bool:
        """Whether the true label of any unit is known."""
        return "nmi" in self.qualities[self.split]


@dataclass(frozen=True)
class FlowView:
    """Some videos of a data set with their flow."""

    dataset: str
    flow: str
    videos: list[list[Clip]]
    """Single frames of each video, each with its flow."""
    scale: float
    """The motion that has full colour, in pixels per frame."""


@dataclass(frozen=True)
class Query:
    """A clip of a test video, and what each compared evaluation retrieves for it."""

    clip: Clip
    retrieved: list[tuple[EvaluationResult, list[tuple[Clip, bool]]]]
    """For each evaluation, the nearest clip of each video, nearest first, and whether it has the
    query's label."""

    @property
    def clips(self) -> list[Clip]:
        return [self.clip, *(clip for _, nearest in self.retrieved for clip, _ in nearest)]


# --------------------------------------------------------------------------------------- reading


class ClipReader:
    """Reads clips of a data set, with their flow if the run has computed any."""

    def __init__(self, run: Run, dataset: str, size: tuple[int, int], flow: str | None):
        index = run.indices[dataset]
        shard = index["shard"].iloc[0]  # all shards are in one folder
        frames = run.results.folder_of(run.graph.frames(dataset, size_name(size), shard))
        self._frames = StoredClips(frames, index, Modality.FRAMES)
        self._flow = None
        if flow:
            folder = run.results.folder_of(run.graph.flow(dataset, flow, shard))
            self._flow = StoredClips(folder, index, Modality.FLOW)
            self._bound = run.config.flow[flow].bound
        self._labels = dict(zip(index["video"], index["label"], strict=True))

    def length(self, video: str) -> int:
        """Number of frames of a video. 0 if it could not be decoded."""
        store = self._frames.store(video)
        return store.length(video) if store else 0

    def rate(self, video: str) -> float:
        """Stored frames per second of a video that could be decoded."""
        return self._frames.store(video).shards.rate(video)

    def clip(self, video: str, start: int, length: int) -> Clip | None:
        """Reads a clip. None if the video could not be decoded."""
        frames = self._frames.spread(video, start, length, FILM_FRAMES)
        if frames is None:
            return None
        flow = self._flow.spread(video, start, length, FILM_FRAMES) if self._flow else None
        if flow is not None:
            flow = dequantise(flow, self._bound).mean(axis=0)
        return Clip(video, start, self._labels[video], film(frames), flow)


def evaluated_clips(run: Run, evaluation: Evaluation) -> ClipReader:
    """Reads what an evaluation tests on, with flow if the run has computed any of the data set."""
    dataset = evaluation.dataset
    flow = next((name for data, name in run.needed.of("flow") if data == dataset), None)
    return ClipReader(run, dataset, run.config.size_of(evaluation.model), flow)


def scale_of(clips: Sequence[Clip]) -> float:
    """The motion, in pixels per frame, that has full colour in the pictures of all these clips."""
    return common_scale([clip.flow for clip in clips if clip.flow is not None])


# -------------------------------------------------------------------------------------- clusters


def clustering(run: Run, name: str) -> Clustering:
    """Draws pseudo-labels, with clips if a featured evaluation needs them. The clips have flow if
    the motion model reads flow."""
    recipe, qualities = run.config.pseudo_labels[name], run.qualities[name]
    flow, size = run.config.flow_of(recipe.motion_model), run.config.size_of(recipe.motion_model)
    split = min(qualities)
    units = read_units(run.results, name, split, run.indices[recipe.dataset])
    sizes = np.array(qualities[split]["sizes"])
    clusters = []
    if name in run.featured_needed.splits("pseudo_labels"):
        reader = ClipReader(run, recipe.dataset, size, flow)
        for number in choose_clusters(sizes, CLUSTERS):
            own_units = units[units["label"] == number]
            chosen = spread_over(own_units, "video", CLIPS_PER_CLUSTER).itertuples()
            clips = [reader.clip(row.video, row.start, row.length) for row in chosen]
            decoded = [clip for clip in clips if clip]
            labels = commonest_labels(own_units["truth"])
            clusters.append(Cluster(number, sizes[number], labels, decoded))
    return Clustering(
        name,
        f"features of {recipe.motion_model} on {recipe.dataset}, granularity {recipe.granularity}",
        qualities,
        split,
        cluster_sizes(name, sizes, units),
        flow is not None,
        clusters,
        scale_of([clip for cluster in clusters for clip in cluster.clips]),
    )


def choose_clusters(sizes: Sequence[int], count: int) -> list[int]:
    """Chooses at most `count` non-empty clusters, spread evenly by rank of size from the largest to
    the smallest."""
    order = [int(k) for k in np.argsort(-np.asarray(sizes), kind="stable") if sizes[k]]
    return spread(order, count)


def commonest_labels(truth: pd.Series) -> list[tuple[str, float]]:
    """The commonest of the known true labels, each with its share of them."""
    shares = truth[truth != ""].value_counts(normalize=True).head(LABELS_PER_CLUSTER)
    return [(str(label), float(share)) for label, share in shares.items()]


# ------------------------------------------------------------------------------------------ flow


def flow_view(run: Run, dataset: str, flow: str) -> FlowView:
    """Some videos with the flow of a few frames. The videos have different labels if the data set
    has labels."""
    reader = ClipReader(run, dataset, run.config.flow[flow].size, flow)
    index = run.indices[dataset]
    candidates = index.drop_duplicates("label") if (index["label"] != "").any() else index
    videos = []
    # Twice as many as the report shows, because some may not have been decodable.
    for video in spread(candidates["video"].tolist(), 2 * FLOW_VIDEOS):
        if length := reader.length(video):
            # The last frame has no flow of its own.
            steps = spread(range(length - 1), FLOW_STEPS)
            videos.append([reader.clip(video, step, 1) for step in steps])
    videos = spread(videos, FLOW_VIDEOS)
    return FlowView(dataset, flow, videos, scale_of([clip for clips in videos for clip in clips]))


# ------------------------------------------------------------------------------------- retrieval


def example_queries(run: Run) -> list[Query]:
    """Some queries, spread evenly over the test videos, with what each compared evaluation
    retrieves for them."""
    if not run.neighbours:
        return []
    first = run.neighbours[0][0].recipe
    reader = evaluated_clips(run, first)
    tables = [table for _, table in run.neighbours]
    queries = []
    common = set.intersection(*(set(table["query"]) for table in tables))
    for query in spread([q for q in tables[0]["query"].unique() if q in common], QUERIES):
        start = tables[0].loc[tables[0]["query"] == query, "query_start"].iloc[0]
        if clip := reader.clip(query, start, first.clip_length):
            retrieved = [
                (e, nearest_clips(reader, table[table["query"] == query], e.recipe.clip_length))
                for e, table in run.neighbours
            ]
            queries.append(Query(clip, retrieved))
    return queries


def nearest_clips(
    reader: ClipReader, neighbours: pd.DataFrame, clip_length: int
) -> list[tuple[Clip, bool]]:
    """The nearest clips of one query, each with whether it has the query's label."""
    return [
        (clip, row.label == row.query_label)
        for row in neighbours.sort_values("rank").head(NEIGHBOURS).itertuples()
        if (clip := reader.clip(row.video, row.start, clip_length))
    ]
