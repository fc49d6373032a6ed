"""Draws successful and failed queries with the videos that retrieval finds for them."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from motionfit.config import RetrievalFigure
from motionfit.files import replacing
from motionfit.modality import Modality
from motionfit.plots import GREY, STYLE, shortened
from motionfit.report.pictures import StoredClips, spread_over

HIT, MISS, INK, RULE = "#00795a", "#c0392b", "#20262d", "#d5dae0"
WIDTH, GAP, BETWEEN, TEXT, MARGIN = 1.3, 0.1, 0.5, 0.4, 0.15
"""Inches: width of a picture, gap between pictures, gap between the sides, height of the two lines
below a picture, margin of the figure."""
TITLE, HEADING = 0.34, 0.5
"""Inches: height of the title, and of a heading of two lines."""
DPI = 150


@dataclass(frozen=True)
class Clip:
    """The middle frame of a clip, and the two lines of text below it."""

    frame: np.ndarray
    label: str
    detail: str
    hit: bool | None = None
    """Whether the clip has the query's class. None for the query itself."""


@dataclass(frozen=True)
class Side:
    """The successful or the failed queries, one side of the figure."""

    heading: str
    subheading: str
    """What the queries have in common."""
    rows: list[list[Clip]]
    """One row per query: the query, then the clips retrieved for it."""


def write_retrieval_figure(
    recipe: RetrievalFigure,
    neighbours: pd.DataFrame,
    index: pd.DataFrame,
    frames: Path,
    clip_length: int,
    output: Path,
) -> None:
    """Writes the figure of an evaluation's retrieval as PNG (Fig. S1 of the paper).

    `neighbours`: the nearest training videos of each query, as retrieval writes them; `index`: the
    index of their data set; `frames`: the folder of its shards of frames; `clip_length`: frames per
    clip.
    """
    stored = StoredClips(frames, index, Modality.FRAMES)
    nearest = neighbours[neighbours["rank"] <= recipe.neighbours]
    sides = []
    for hit in (True, False):
        queries = choose_queries(nearest, hit, recipe.queries)
        rows = [
            clips_of(nearest[nearest["query"] == query], stored, clip_length) for query in queries
        ]
        # The count is lower than `recipe.neighbours` if there are fewer training videos.
        count = int(nearest["rank"].max())
        sides.append(Side(heading(hit, len(queries), recipe.queries), in_common(hit, count), rows))
    with matplotlib.rc_context(STYLE), replacing(output) as temporary:
        title = f"{recipe.title} ({recipe.evaluation})"
        draw(title, sides, recipe.neighbours).savefig(temporary, format="png", dpi=DPI)


def heading(hit: bool, count: int, wanted: int) -> str:
    """The name of a side, and its number of queries if there are fewer than wanted."""
    name = "Successes" if hit else "Failures"
    shortage = {0: ": no such query", 1: ": only 1 such query"}.get(
        count, f": only {count} such queries"
    )
    return name if count == wanted else name + shortage


def in_common(hit: bool, count: int) -> str:
    """What the queries of a side have in common: the class of their `count` nearest videos."""
    if count == 1:
        return f"The nearest video is {'' if hit else 'not '}of the query's class"
    which = f"All {count} nearest videos are" if hit else f"None of the {count} nearest videos is"
    return f"{which} of the query's class"


def choose_queries(nearest: pd.DataFrame, hit: bool, count: int) -> list[str]:
    """Chooses at most `count` queries whose nearest videos all have the query's class or, if `hit`
    is false, all have other classes. The queries are spread evenly over as many classes as
    possible, and ordered by class."""
    same = nearest["label"] == nearest["query_label"]
    all_alike = (same == hit).groupby(nearest["query"]).transform("all")
    queries = nearest[all_alike].drop_duplicates("query")
    queries = queries.sort_values("query_label", kind="stable").reset_index(drop=True)
    return spread_over(queries, "query_label", count).sort_index()["query"].tolist()


def clips_of(nearest: pd.DataFrame, stored: StoredClips, clip_length: int) -> list[Clip]:
    """Reads a query's clip and the clips retrieved for it, the nearest first. `nearest`: the rows
    of one query."""
    nearest = nearest.sort_values("rank")
    query, start, label = nearest[["query", "query_start", "query_label"]].iloc[0]
    clips = [Clip(stored.middle(query, start, clip_length), label, "query")]
    for row in nearest.itertuples():
        frame = stored.middle(row.video, row.start, clip_length)
        detail = f"similarity {row.similarity:.2f}"
        clips.append(Clip(frame, row.label, detail, row.label == row.query_label))
    return clips


# --------------------------------------------------------------------------------------- drawing


def draw(title: str, sides: list[Side], neighbours: int) -> Figure:
    """Draws the sides beside each other, one row per query: the query, then the retrieved clips."""
    shapes = [clip.frame.shape for side in sides for row in side.rows for clip in row]
    picture_height = WIDTH * max((height / width for height, width, _ in shapes), default=0.0)
    side_width = (neighbours + 1) * (WIDTH + GAP)  # the gap after the query is doubled
    rows = max(len(side.rows) for side in sides)
    width = 2 * MARGIN + len(sides) * (side_width + BETWEEN) - BETWEEN
    height = 2 * MARGIN + TITLE + HEADING + rows * (picture_height + TEXT + GAP)
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    add_text(figure, title, (MARGIN, MARGIN), width - 2 * MARGIN, fontsize=11, fontweight="bold")
    for number, side in enumerate(sides):
        left = MARGIN + number * (side_width + BETWEEN)
        draw_side(figure, side, left, side_width, picture_height)
        if number:
            x = (left - BETWEEN / 2) / width
            ends = [MARGIN / height, 1 - (MARGIN + TITLE) / height]
            figure.add_artist(Line2D([x, x], ends, color=RULE, linewidth=1))
    return figure


def draw_side(
    figure: Figure, side: Side, left: float, side_width: float, picture_height: float
) -> None:
    """Draws a side. All lengths are in inches; `left` is the distance from the figure's left
    edge."""
    top = MARGIN + TITLE
    add_text(figure, side.heading, (left, top), side_width, fontsize=9, fontweight="bold")
    add_text(figure, side.subheading, (left, top + HEADING / 2.6), side_width, fontsize=8)
    width, height = figure.get_size_inches()
    for number, row in enumerate(side.rows):
        bottom = top + HEADING + number * (picture_height + TEXT + GAP) + picture_height
        for column, clip in enumerate(row):
            x = left + column * (WIDTH + GAP) + GAP * (column > 0)
            place = (x / width, 1 - bottom / height, WIDTH / width, picture_height / height)
            draw_clip(figure.add_axes(place), clip)


def draw_clip(axes: Axes, clip: Clip) -> None:
    """Draws the middle frame with a border, solid and green for a hit, dashed and red for a miss.
    The label and the detail are below it."""
    axes.imshow(clip.frame, interpolation="lanczos" if clip.frame.shape[1] > 100 else "nearest")
    axes.set(xticks=[], yticks=[])
    colour = {None: INK, True: HIT, False: MISS}[clip.hit]
    axes.spines[:].set(
        visible=True,
        color=colour,
        linewidth=1 if clip.hit is None else 2.5,
        linestyle=(0, (2.5, 1.5)) if clip.hit is False else "-",
    )
    mark = {None: "", True: "✓ ", False: "✗ "}[clip.hit]
    below = {"xy": (0, 0), "xycoords": "axes fraction", "textcoords": "offset points", "va": "top"}
    label = axes.annotate(mark + clip.label, xytext=(0, -4), color=colour, fontsize=8, **below)
    shorten_to_fit(label, WIDTH)
    axes.annotate(clip.detail, xytext=(0, -15), color=GREY, fontsize=7, **below)


def add_text(
    figure: Figure, text: str, place: tuple[float, float], max_width: float, **look: object
) -> None:
    """Adds text of at most `max_width` inches. Its upper left corner is at `place` (x, y), in
    inches from the upper left corner of the figure."""
    width, height = figure.get_size_inches()
    x, y = place[0] / width, 1 - place[1] / height
    shorten_to_fit(figure.text(x, y, text, va="top", color=INK, **look), max_width)


def shorten_to_fit(text: Text, max_width: float) -> None:
    """Shortens a text until it is at most `max_width` inches wide."""
    whole = text.get_text()
    for length in range(len(whole), 0, -1):
        text.set_text(shortened(whole, length))
        if text.get_window_extent().width <= max_width * DPI:
            return
