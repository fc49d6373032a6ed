"""Clips to look at: what is in the clusters, flow beside its frames, what retrieval finds."""

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
    FILM,
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

CLUSTERS, CLIPS_A_CLUSTER = 6, 8
FLOW_VIDEOS, FLOW_STEPS = 4, 5
QUERIES, NEIGHBOURS = 4, 8

Indices = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Clip:
    """A clip that was read: its frames, and where there is flow its mean in pixels a frame."""

    video: str
    start: int
    label: str
    frames: np.ndarray
    flow: np.ndarray | None


@dataclass(frozen=True)
class Shown:
    """A clip as pictures."""

    video: str
    start: int
    label: str
    film: Film
    flow: FlowPicture | None


@dataclass(frozen=True)
class Cluster:
    """A cluster and some of its clips."""

    number: int
    size: int
    truths: list[tuple[str, float]]
    """The commonest true labels and their shares; empty where none is known."""
    clips: list[Shown]


@dataclass(frozen=True)
class FlowVideo:
    """Single frames of a video, each with its flow."""

    video: str
    label: str
    steps: list[Shown]


@dataclass(frozen=True)
class Answer:
    """The nearest videos that one evaluation's model finds, each by its nearest clip, and whether
    each has the query's label."""

    evaluation: str
    kind: str
    found: list[tuple[Shown, bool]]


@dataclass(frozen=True)
class Query:
    """A clip of a test video, and what is found for it."""

    clip: Shown
    answers: list[Answer]


# --------------------------------------------------------------------------------------- reading


class ClipReader:
    """Clips of a data set with their flow, where the run has computed any."""

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
        """Frames of a video; 0 where it could not be decoded."""
        store = self._frames.store(video)
        return store.length(video) if store else 0

    def clip(self, video: str, start: int, length: int) -> Clip | None:
        """None where the video could not be decoded."""
        frames = self._frames.spread(video, start, length, FILM)
        if frames is None:
            return None
        flow = self._flow.spread(video, start, length, FILM) if self._flow else None
        if flow is not None:
            flow = mean_flow(flow, self._bound)
        return Clip(video, start, self._labels[video], frames, flow)


def shown(clip: Clip, scale: float) -> Shown:
    flow = None if clip.flow is None else flow_picture(clip.flow, scale)
    return Shown(clip.video, clip.start, clip.label, film(clip.frames), flow)


def scale_of(clips: Sequence[Clip]) -> float:
    """The motion that has full colour in the pictures of all these clips."""
    return common_scale([clip.flow for clip in clips if clip.flow is not None])


# -------------------------------------------------------------------------------------- clusters


def choose_clusters(sizes: Sequence[int], count: int) -> list[int]:
    """At most `count` clusters that are not empty: the largest, the smallest and, evenly by rank,
    some between."""
    order = [int(k) for k in np.argsort(-np.asarray(sizes), kind="stable") if sizes[k]]
    return spread(order, count)


def cluster_examples(
    config: Config, results: Path, clustering: Clustering, units: pd.DataFrame, indices: Indices
) -> tuple[list[Cluster], float]:
    """Some clusters with some of their clips, with flow where the motion model is on flow, and the
    motion in pixels a frame of full colour."""
    recipe = config.pseudo_labels[clustering.name]
    flow, size = config.flow_of(recipe.motion_model), config.size_of(recipe.motion_model)
    reader = ClipReader(config, results, recipe.dataset, indices[recipe.dataset], size, flow)
    sizes = clustering.qualities[clustering.split]["sizes"]
    clips = {}
    for number in choose_clusters(sizes, CLUSTERS):
        own_units = units[units["label"] == number]
        clips[number] = [
            clip
            for row in spread_over(own_units, "video", CLIPS_A_CLUSTER).itertuples()
            if (clip := reader.clip(row.video, row.start, row.length))
        ]
    scale = scale_of([clip for own in clips.values() for clip in own])
    clusters = [
        Cluster(
            number,
            sizes[number],
            common_truths(units[units["label"] == number]["truth"]),
            [shown(clip, scale) for clip in own],
        )
        for number, own in clips.items()
    ]
    return clusters, scale


def common_truths(truth: pd.Series, count: int = 3) -> list[tuple[str, float]]:
    shares = truth[truth != ""].value_counts(normalize=True).head(count)
    return [(str(label), float(share)) for label, share in shares.items()]


# ------------------------------------------------------------------------------------------ flow


def flow_examples(
    config: Config, results: Path, dataset: str, flow: str, index: pd.DataFrame
) -> tuple[list[FlowVideo], float]:
    """Some videos, of different labels where there are, with the flow of a few frames; and the
    motion in pixels a frame of full colour."""
    recipe = config.flow[flow]
    reader = ClipReader(config, results, dataset, index, recipe.size, flow)
    each = index.drop_duplicates("label") if (index["label"] != "").any() else index
    videos = []
    # More than are shown, for some may not have been decodable.
    for row in index.loc[spread(list(each.index), 2 * FLOW_VIDEOS)].itertuples():
        if length := reader.length(row.video):
            # The last frame has no flow of its own.
            steps = spread(range(length - 1), FLOW_STEPS)
            videos.append((row, [reader.clip(row.video, step, 1) for step in steps]))
    videos = spread(videos, FLOW_VIDEOS)
    scale = scale_of([clip for _, clips in videos for clip in clips])
    return [
        FlowVideo(row.video, row.label, [shown(clip, scale) for clip in clips])
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
    """What the models of evaluations of one data set find for the same queries, which are spread
    evenly over the test videos; and the motion in pixels a frame of full colour.

    `neighbours`: the evaluations, each with its table of the nearest training videos; without any
    there are no queries."""
    if not neighbours:
        return [], 0.0
    first = neighbours[0][0].recipe
    index = indices[first.dataset]
    flow = next((name for dataset, name in needed.flow if dataset == first.dataset), None)
    size = config.size_of(first.model)
    reader = ClipReader(config, results, first.dataset, index, size, flow)
    tables = [table for _, table in neighbours]
    queries = []
    for query in spread(queries_of_all(tables), QUERIES):
        start = tables[0].loc[tables[0]["query"] == query, "query_start"].iloc[0]
        if (clip := reader.clip(query, start, first.clip_length)) is None:
            continue
        answers = []
        for evaluation, table in neighbours:
            rows = table[table["query"] == query].sort_values("rank").head(NEIGHBOURS)
            found = [
                (other, row.label == row.query_label)
                for row in rows.itertuples()
                if (other := reader.clip(row.video, row.start, evaluation.recipe.clip_length))
            ]
            answers.append((evaluation, found))
        queries.append((clip, answers))
    scale = scale_of(
        [clip for clip, _ in queries]
        + [clip for _, answers in queries for _, found in answers for clip, _ in found]
    )
    return [
        Query(
            shown(clip, scale),
            [
                Answer(
                    evaluation.name,
                    evaluation.kind,
                    [(shown(other, scale), hit) for other, hit in found],
                )
                for evaluation, found in answers
            ],
        )
        for clip, answers in queries
    ], scale


def queries_of_all(tables: Sequence[pd.DataFrame]) -> list[str]:
    """The queries that are in every table, in the order of the first."""
    common = set.intersection(*(set(table["query"]) for table in tables))
    return [query for query in tables[0]["query"].unique() if query in common]
