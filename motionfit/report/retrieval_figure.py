"""Queries and the clips that retrieval finds for them, successes and failures, as one picture."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from motionfit.config import RetrievalFigure
from motionfit.files import replacing
from motionfit.plots import GREY, STYLE, shortened
from motionfit.report.pictures import StoredClips, spread_over

HIT, MISS, INK = "#00795a", "#c0392b", "#20262d"
WIDTH, GAP, TEXT, HEADING, MARGIN = 1.3, 0.1, 0.36, 0.34, 0.12
"""Inches: width of a picture, between pictures, of the two lines below one, of a heading, around
all."""
DPI = 150


@dataclass(frozen=True)
class Clip:
    """A clip by its middle frame, and what is said below it."""

    frame: np.ndarray
    label: str
    detail: str
    hit: bool | None = None
    """Whether it has the query's class; None for the query."""


@dataclass(frozen=True)
class Group:
    """Queries that have in common how their nearest clip is."""

    heading: str
    rows: list[list[Clip]]
    """A row a query: itself, and what is found for it."""


def write_retrieval_figure(
    recipe: RetrievalFigure,
    neighbours: pd.DataFrame,
    index: pd.DataFrame,
    frames: Path,
    clip_length: int,
    output: Path,
) -> None:
    """Writes the picture of an evaluation's retrieval as PNG.

    `neighbours`: the nearest training clips of each query, as retrieval writes them; `index`: that
    of their data set; `frames`: folder of its shards of frames; `clip_length`: frames a clip.
    """
    stored = StoredClips(frames, index, "frames")
    groups = []
    for hit, what in ((True, "of the query's class"), (False, "of another class")):
        queries = choose_queries(neighbours, hit, recipe.queries)
        heading = f"{'Successes' if hit else 'Failures'}: the nearest clip is {what}"
        if not queries:
            heading = f"No {'success' if hit else 'failure'}: no query's nearest clip is {what}"
        rows = [
            clips_of(neighbours[neighbours["query"] == query], stored, clip_length,
                     recipe.neighbours)
            for query in queries
        ]  # fmt: skip
        groups.append(Group(heading, rows))
    with matplotlib.rc_context(STYLE), replacing(output) as temporary:
        title = f"{recipe.title} ({recipe.evaluation})"
        draw(title, groups, recipe.neighbours).savefig(temporary, format="png", dpi=DPI)


def choose_queries(neighbours: pd.DataFrame, hit: bool, count: int) -> list[str]:
    """At most `count` queries whose nearest clip has their class, or (`hit` false) has not, of as
    many different classes as there are, evenly spread, in the order of the classes."""
    nearest = neighbours[neighbours["rank"] == 1]
    group = nearest[(nearest["label"] == nearest["query_label"]) == hit]
    group = group.sort_values("query_label", kind="stable").reset_index(drop=True)
    return spread_over(group, "query_label", count).sort_index()["query"].tolist()


def clips_of(found: pd.DataFrame, stored: StoredClips, clip_length: int, count: int) -> list[Clip]:
    """A query and the `count` nearest clips that were found for it, nearest first."""
    found = found.sort_values("rank").head(count)
    first = found.iloc[0]
    clips = [
        Clip(
            stored.middle(first["query"], first["query_start"], clip_length),
            first["query_label"],
            "query",
        )
    ]
    for row in found.itertuples():
        frame = stored.middle(row.video, row.start, clip_length)
        detail = f"similarity {row.similarity:.2f}"
        clips.append(Clip(frame, row.label, detail, row.label == row.query_label))
    return clips


# --------------------------------------------------------------------------------------- drawing


def draw(title: str, groups: list[Group], neighbours: int) -> Figure:
    """The groups below each other, a row a query: itself, and to its right what is found."""
    shapes = [clip.frame.shape for group in groups for row in group.rows for clip in row]
    high = WIDTH * max((height / width for height, width, _ in shapes), default=0.0)
    columns = neighbours + 1
    width = 2 * MARGIN + columns * WIDTH + (columns + 1) * GAP
    rows = sum(len(group.rows) for group in groups)
    height = 2 * MARGIN + HEADING * (1 + len(groups)) + rows * (high + TEXT + GAP)
    figure = Figure(figsize=(width, height), facecolor="white")
    top = MARGIN

    def write(text: str, **look: object) -> None:
        figure.text(MARGIN / width, 1 - (top + 0.2) / height, text, color=INK, **look)

    write(shortened(title, int(13 * width)), fontsize=11, fontweight="bold")
    top += HEADING
    for group in groups:
        write(group.heading, fontsize=9)
        top += HEADING
        for row in group.rows:
            for column, clip in enumerate(row):
                # Twice the gap behind the query.
                left = MARGIN + column * (WIDTH + GAP) + GAP * (column > 0)
                place = (left / width, 1 - (top + high) / height, WIDTH / width, high / height)
                draw_clip(figure.add_axes(place), clip)
            top += high + TEXT + GAP
    return figure


def draw_clip(axes: Axes, clip: Clip) -> None:
    """The middle frame with a border, solid and green for a hit, dashed and red for a miss, and
    below it the label and the detail."""
    axes.imshow(clip.frame, interpolation="lanczos" if clip.frame.shape[1] > 100 else "nearest")
    axes.set(xticks=[], yticks=[])
    colour = {None: INK, True: HIT, False: MISS}[clip.hit]
    axes.spines[:].set(visible=True, color=colour, linewidth=1 if clip.hit is None else 2.5,
                       linestyle=(0, (2.5, 1.5)) if clip.hit is False else "-")  # fmt: skip
    mark = {None: "", True: "✓ ", False: "✗ "}[clip.hit]
    below = {"xy": (0, 0), "xycoords": "axes fraction", "textcoords": "offset points", "va": "top"}
    axes.annotate(mark + shortened(clip.label, 20), xytext=(0, -4), color=colour, fontsize=8,
                  **below)  # fmt: skip
    axes.annotate(clip.detail, xytext=(0, -14), color=GREY, fontsize=7, **below)
