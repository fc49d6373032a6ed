"""Plots a table over an axis."""

from dataclasses import dataclass
from textwrap import fill as wrapped

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from motionfit.plots import BLUE, GREEN, GREY, ORANGE, PURPLE, STYLE, svg
from motionfit.tables.values import Cell, FilledTable

LOOKS = [
    (BLUE, "o"),
    (ORANGE, "s"),
    (GREEN, "^"),
    (PURPLE, "D"),
    ("#e69f00", "v"),
    ("#56b4e9", "P"),
    ("#20262d", "X"),
]
"""Colour and marker of each series."""
PUBLISHED, MEASURED = (
    {"linestyle": (0, (4, 2)), "fillstyle": "none", "alpha": 0.75},
    {"linestyle": "-", "fillstyle": "full"},
)
LOGARITHMIC = 15
"""Smallest ratio of the largest to the smallest position for a logarithmic axis."""
NAME_WIDTH = 28
"""Characters per line of a name in the legend."""


@dataclass(frozen=True)
class Series:
    """A line of the plot: a column over the positions of the rows, or a row over the positions of
    the columns."""

    name: str
    points: list[tuple[float, Cell]]
    """Positions and cells, in the order of the axis."""


def plot_svg(table: FilledTable) -> str:
    """The plot as an <svg> element."""
    with matplotlib.rc_context(STYLE):
        return svg(plot(table), f"{table.title}: over {table.axis}")


def plot(table: FilledTable) -> Figure:
    """Plots the series over the axis.

    Published figures are dashed and hollow, measured ones solid. Measured figures have error bars
    with the standard deviation over several seeds or, with a single seed, a faint dot for each of
    several splits. Rows or columns without a position, and gains, are left out.
    """
    lines = series_of(table)
    figure = Figure(figsize=(6.2, 2.9), layout="constrained", facecolor="white")
    axes = figure.subplots()
    for i, series in enumerate(lines):
        draw(axes, series, *LOOKS[i % len(LOOKS)])
    scale(axes, sorted({x for series in lines for x, _ in series.points}))
    axes.set_xlabel(str(table.axis))
    axes.set_ylabel("percent")
    axes.grid(axis="y", color="#e6eaee", linewidth=0.7)
    axes.set_axisbelow(True)
    legend(figure, lines)
    return figure


def series_of(table: FilledTable) -> list[Series]:
    """The columns as series if the rows have positions, or the rows if the columns have positions.
    A series without figures is left out."""
    if any(column.x is not None for column in table.columns.values()):
        positions = {heading: column.x for heading, column in table.columns.items()}
        points_of = {
            row.name: [(positions[c], cell) for c, cell in row.cells.items()] for row in table.rows
        }
    else:
        points_of = {c: [(row.x, row.cells[c]) for row in table.rows] for c in table.measures}
    return [
        Series(name, sorted(shown, key=lambda point: point[0]))
        for name, points in points_of.items()
        if (shown := [(x, cell) for x, cell in points if x is not None and plotted(cell)])
    ]


def plotted(cell: Cell) -> bool:
    """Whether a cell has a figure that is not a gain."""
    return cell.gain_over is None and not cell.published is cell.measured is None


def draw(axes: Axes, series: Series, colour: str, marker: str) -> None:
    """Draws a series in a colour and with a marker."""
    look = {"color": colour, "marker": marker, "markersize": 5}
    for kind, style in (("published", PUBLISHED), ("measured", MEASURED)):
        points = [
            (x, value) for x, cell in series.points if (value := getattr(cell, kind)) is not None
        ]
        if points:
            axes.plot(*zip(*points, strict=True), **look, **style, label=f"{series.name}, {kind}")
    bars = [
        (x, cell.measured, cell.deviation)
        for x, cell in series.points
        if cell.deviation is not None
    ]
    if bars:
        x, middle, deviation = zip(*bars, strict=True)
        axes.errorbar(x, middle, deviation, fmt="none", ecolor=colour, elinewidth=1, capsize=3)
    dots = [
        (x, value)
        for x, cell in series.points
        if len(cell.splits) > 1 and cell.deviation is None
        for value in cell.splits.values()
    ]
    if dots:
        axes.scatter(*zip(*dots, strict=True), s=7, color=colour, alpha=0.4, linewidths=0)


def scale(axes: Axes, positions: list[float]) -> None:
    """Sets a tick at each of the sorted positions, so that a reader finds the rows or columns."""
    if len(positions) > 1 and positions[0] > 0 and positions[-1] / positions[0] >= LOGARITHMIC:
        axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(positions))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def legend(figure: Figure, lines: list[Series]) -> None:
    """Adds a legend: the colours stand for the series, and the line styles for published and
    measured figures."""
    entries = [
        Line2D(
            [],
            [],
            color=colour,
            marker=marker,
            markersize=5,
            linestyle="none",
            label=wrapped(series.name, NAME_WIDTH),
        )
        for i, series in enumerate(lines)
        for colour, marker in [LOOKS[i % len(LOOKS)]]
    ]
    cells = [cell for series in lines for _, cell in series.points]
    if any(cell.published is not None for cell in cells):
        entries.append(Line2D([], [], color=GREY, marker="o", label="paper", **PUBLISHED))
    if any(cell.measured is not None for cell in cells):
        entries.append(Line2D([], [], color=GREY, marker="o", label="here", **MEASURED))
    figure.legend(handles=entries, loc="outside right upper", frameon=False, handlelength=2.6)
