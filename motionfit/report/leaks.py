"""Near-duplicates of test videos in the training set and in the sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from motionfit.report.exhibits import Clip, ClipReader
from motionfit.report.pictures import spread
from motionfit.report.run import Run
from motionfit.result_tables import read_table

LISTED, PICTURED = 100, 12
"""At most this many pairs of two data sets are listed, and this many shown on the page."""


@dataclass(frozen=True)
class Leaks:
    """The near-duplicates of a target's test videos in its training set or in a source."""

    target: str
    other: str
    """The source, or the target itself."""
    videos: int
    """Number of test videos."""
    others: int
    """Number of videos that they are compared with."""
    compared: int
    """Number of pairs."""
    found: int
    """Number of pairs that are near-duplicates."""
    pairs: list[Any]
    """Rows of the table of pairs, the most similar ones first."""
    clips: list[tuple[Clip, Clip]]
    """Some of the pairs, at the same moments."""


def leaks_of(run: Run) -> list[Leaks]:
    """The near-duplicates of each target in each data set that it is compared with."""
    tables = {pair: read_pairs(run, *pair) for pair in run.graph.compared_data_sets}
    found, left = [], PICTURED
    for number, ((target, other), table) in enumerate(tables.items()):
        # All share the pictures evenly.
        count = min(len(table), left // (len(tables) - number))
        left -= count
        artefact = run.graph.duplicates(target, other)
        compared = run.results.read_json(artefact, f"{other}.json")
        pairs = list(table.itertuples())
        found.append(
            Leaks(
                target,
                other,
                compared["videos"],
                compared["others"],
                compared["pairs"],
                len(pairs),
                pairs[:LISTED],
                clips_of(run, target, other, spread(pairs, count)),
            )
        )
    return found


def read_pairs(run: Run, target: str, other: str) -> pd.DataFrame:
    """The pairs of near-duplicates as the stage writes them, the most similar ones first."""
    texts = dict.fromkeys(("video", "other", "splits"), str)
    path = run.results.file(run.graph.duplicates(target, other))
    table = read_table(path, texts | {"similarity": float, "shift": float})
    return table.sort_values("similarity", ascending=False, kind="stable")


def clips_of(run: Run, target: str, other: str, pairs: Sequence[Any]) -> list[tuple[Clip, Clip]]:
    """The clips of some pairs. Both show the same moments."""
    of_target, of_other = (
        ClipReader(run, dataset, run.graph.compared_size(target, dataset), None)
        for dataset in (target, other)
    )
    clips = []
    for pair in pairs:
        sides = (
            (of_target, pair.video, max(pair.shift, 0)),
            (of_other, pair.other, max(-pair.shift, 0)),
        )
        seconds = min(
            reader.length(video) / reader.rate(video) - start for reader, video, start in sides
        )
        first, second = (
            reader.clip(
                video,
                round(start * reader.rate(video)),
                max(round(seconds * reader.rate(video)), 1),
            )
            for reader, video, start in sides
        )
        clips.append((first, second))
    return clips
