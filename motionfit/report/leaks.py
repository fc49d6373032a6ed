"""Near-duplicates of test videos in the training set and in the sources."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from motionfit.graph import compared_path
from motionfit.report.exhibits import Clip, ClipReader
from motionfit.report.pictures import spread
from motionfit.report.run import Run
from motionfit.result_tables import read_table

LISTED, PICTURED = 100, 12
"""At most this many pairs are listed per target, and shown as clips on the page."""


class Compared(NamedTuple):
    """The comparison of a target's test videos with its training videos, or with a source."""

    target: str
    other_dataset: str
    videos: int
    """Number of test videos."""
    others: int
    """Number of videos that they are compared with."""
    pairs: int
    found: int
    """Number of pairs that are near-duplicates."""


@dataclass(frozen=True)
class Leaks:
    """The near-duplicates of a target's test videos."""

    target: str
    compared: list[Compared]
    pairs: list[Any]
    """Rows of the table of pairs, the most similar ones first."""
    more: int
    """Number of pairs that are not in `pairs`."""
    clips: list[tuple[Clip, Clip]]
    """Some of the pairs, at the same moments."""


def leaks_of(run: Run) -> list[Leaks]:
    """The near-duplicates of each target."""
    targets = run.graph.targets_of_evaluations
    tables = {target: read_pairs(run, target) for target in targets}
    left = PICTURED
    found = []
    for number, (target, table) in enumerate(tables.items()):
        # The targets share the pictures evenly.
        count = min(len(table), left // (len(targets) - number))
        left -= count
        pairs = list(table.itertuples())
        found.append(
            Leaks(
                target,
                list(read_compared(run, target, table)),
                pairs[:LISTED],
                max(len(pairs) - LISTED, 0),
                clips_of(run, target, spread(pairs, count)),
            )
        )
    return found


def read_pairs(run: Run, target: str) -> pd.DataFrame:
    """The pairs of near-duplicates as the stage writes them, the most similar ones first."""
    texts = dict.fromkeys(("video", "other_dataset", "other", "splits"), str)
    path = run.results.file(run.graph.duplicates(target))
    table = read_table(path, texts | {"similarity": float, "shift": float})
    return table.sort_values("similarity", ascending=False, kind="stable")


def read_compared(run: Run, target: str, pairs: pd.DataFrame) -> Iterator[Compared]:
    """One item per data set that the test videos of a target were compared with."""
    name = Path(compared_path(run.graph.duplicates(target))).name
    columns = {"other_dataset": str, "videos": int, "others": int, "pairs": int}
    path = run.results.file(run.graph.duplicates(target), name)
    for row in read_table(path, columns).itertuples():
        found = int((pairs["other_dataset"] == row.other_dataset).sum())
        yield Compared(target, row.other_dataset, row.videos, row.others, row.pairs, found)


def clips_of(run: Run, target: str, pairs: Sequence[Any]) -> list[tuple[Clip, Clip]]:
    """The clips of some pairs. Both show the same moments."""
    readers = {
        dataset: ClipReader(run, dataset, run.graph.compared_size(target, dataset), None)
        for dataset in dict.fromkeys([target, *(pair.other_dataset for pair in pairs)])
    }
    clips = []
    for pair in pairs:
        sides = (
            (readers[target], pair.video, max(pair.shift, 0)),
            (readers[pair.other_dataset], pair.other, max(-pair.shift, 0)),
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
