"""Plots a table over its axis."""

from itertools import cycle
from textwrap import fill as wrapped
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from motionfit.plots import BLUE, GREEN, GREY, ORANGE, PURPLE, STYLE, svg
from motionfit.tables.values import Cell, FilledTable

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, "#e69f00", "#56b4e9", "#20262d")
LOOKS = [
    {"color": colour, "marker": marker, "markersize": 5}
    for colour, marker in zip(COLOURS, "os^DvPX", strict=True)
]
"""Colour and marker of each series, in order. They repeat after the last."""
PUBLISHED, MEASURED = (
    {"linestyle": (0, (4, 2)), "fillstyle": "none", "alpha": 0.75},
    {"linestyle": "-", "fillstyle": "full"},
)
LOG_RATIO = 15
"""The axis is logarithmic if its largest position is at least this many times its smallest."""
NAME_WIDTH = 28
"""Maximum letters per line in the legend."""


Series = dict[str, list[tuple[float, Cell]]]
"""The name of each series, a row or a column, to its cells, each with its position on the axis, in
ascending order."""


def plot_svg(table: FilledTable) -> str:
    """Plots a table as an <svg> element."""
    with matplotlib.rc_context(STYLE):
        return svg(plot(table), f"{table.recipe.title}: over {table.recipe.axis}")


def plot(table: FilledTable) -> Figure:
    """Plots the series of a table over its axis.

    Published figures are dashed with hollow markers, measured ones solid. With several seeds,
    error bars show one standard deviation; otherwise faint dots show the splits, if there are
    several. Gains, and rows or columns without a position, are left out.
    """
    series = series_of(table)
    figure = Figure(figsize=(6.2, 2.9), layout="constrained", facecolor="white")
    axes = figure.subplots()
    for (name, points), look in zip(series.items(), cycle(LOOKS), strict=False):
        draw_series(axes, name, points, look)
    set_axis(axes, sorted({x for points in series.values() for x, _ in points}))
    axes.set_xlabel(str(table.recipe.axis))
    axes.set_ylabel("percent")
    axes.grid(axis="y", color="#e6eaee", linewidth=0.7)
    axes.set_axisbelow(True)
    add_legend(figure, series)
    return figure


def series_of(table: FilledTable) -> Series:
    """The series of a table: its rows if the columns have positions, otherwise its columns. Series
    without any figure are left out."""
    columns = table.recipe.columns
    if any(column.x is not None for column in columns.values()):
        all_points = {
            row.name: [(columns[c].x, cell) for c, cell in row.cells.items()] for row in table.rows
        }
    else:
        all_points = {
            c: [(row.recipe.x, row.cells[c]) for row in table.rows] for c in table.recipe.measures
        }
    series = {}
    for name, points in all_points.items():
        plotted = [(x, cell) for x, cell in points if x is not None and is_plotted(cell)]
        if plotted:
            series[name] = sorted(plotted, key=lambda point: point[0])
    return series


def is_plotted(cell: Cell) -> bool:
    """Whether a cell has a figure and is not a gain."""
    has_figure = cell.published is not None or cell.measured is not None
    return has_figure and cell.gain_over is None


def draw_series(
    axes: Axes, name: str, points: list[tuple[float, Cell]], look: dict[str, Any]
) -> None:
    for kind, style in (("published", PUBLISHED), ("measured", MEASURED)):
        figures = [(x, value) for x, cell in points if (value := getattr(cell, kind)) is not None]
        if figures:
            axes.plot(*zip(*figures, strict=True), **look, **style, label=f"{name}, {kind}")
    colour = look["color"]
    bars = [(x, c.measured, c.deviation) for x, c in points if c.deviation is not None]
    if bars:
        x, middle, deviation = zip(*bars, strict=True)
        axes.errorbar(x, middle, deviation, fmt="none", ecolor=colour, elinewidth=1, capsize=3)
    dots = [
        (x, value)
        for x, cell in points
        if len(cell.splits) > 1 and cell.deviation is None
        for value in cell.splits.values()
    ]
    if dots:
        axes.scatter(*zip(*dots, strict=True), s=7, color=colour, alpha=0.4, linewidths=0)


def set_axis(axes: Axes, positions: list[float]) -> None:
    """Puts a tick at each position, so that a reader finds the rows or columns."""
    if len(positions) > 1 and positions[0] > 0 and positions[-1] / positions[0] >= LOG_RATIO:
        axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(positions))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def add_legend(figure: Figure, series: Series) -> None:
    """Adds a legend: colour and marker for the series, line style for published or measured."""
    entries = [
        Line2D([], [], **look, linestyle="none", label=wrapped(name, NAME_WIDTH))
        for name, look in zip(series, cycle(LOOKS), strict=False)
    ]
    cells = [cell for points in series.values() for _, cell in points]
    for name, kind, style in (("paper", "published", PUBLISHED), ("here", "measured", MEASURED)):
        if any(getattr(cell, kind) is not None for cell in cells):
            entries.append(Line2D([], [], color=GREY, marker="o", label=name, **style))
    figure.legend(handles=entries, loc="outside right upper", frameon=False, handlelength=2.6)
