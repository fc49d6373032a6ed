"""A table as a plot of its columns over an axis."""

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from motionfit.plots import BLUE, GREEN, GREY, ORANGE, PURPLE, STYLE, svg
from motionfit.tables.values import FilledTable, Row

SERIES = [
    (BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (PURPLE, "D"), ("#e69f00", "v"), ("#56b4e9", "P"),
    ("#20262d", "X"),
]  # fmt: skip
"""Colour and marker of each column."""
PUBLISHED, MEASURED = (
    {"linestyle": (0, (4, 2)), "fillstyle": "none", "alpha": 0.75},
    {"linestyle": "-", "fillstyle": "full"},
)
LOGARITHMIC = 15
"""Ratio of the largest place to the smallest from which on the axis is logarithmic."""


def plot_svg(table: FilledTable) -> str:
    """The plot as an <svg> element."""
    with matplotlib.rc_context(STYLE):
        return svg(plot(table), f"{table.title}: the columns over {table.axis}")


def plot(table: FilledTable) -> Figure:
    """The columns over the axis: what was published dashed and hollow, what is measured solid,
    with a faint dot for each split where there are several. A row without a place is left out."""
    rows = sorted((row for row in table.rows if row.x is not None), key=place)
    figure = Figure(figsize=(6.2, 2.9), layout="constrained", facecolor="white")
    axes = figure.subplots()
    for i, column in enumerate(table.columns):
        draw_column(axes, rows, column, *SERIES[i % len(SERIES)])
    scale(axes, sorted({place(row) for row in rows}))
    axes.set_xlabel(str(table.axis))
    axes.set_ylabel("percent")
    axes.grid(axis="y", color="#e6eaee", linewidth=0.7)
    axes.set_axisbelow(True)
    legend(figure, table, rows)
    return figure


def place(row: Row) -> float:
    assert row.x is not None
    return row.x


def draw_column(axes: Axes, rows: list[Row], column: str, colour: str, marker: str) -> None:
    look = {"color": colour, "marker": marker, "markersize": 5}
    for kind, style in (("published", PUBLISHED), ("measured", MEASURED)):
        points = [(place(row), value) for row in rows
                  if (value := getattr(row.cells[column], kind)) is not None]  # fmt: skip
        if points:
            axes.plot(*zip(*points, strict=True), **look, **style, label=f"{column}, {kind}")
    dots = [
        (place(row), value)
        for row in rows
        if len(row.cells[column].splits) > 1
        for value in row.cells[column].splits.values()
    ]
    if dots:
        axes.scatter(*zip(*dots, strict=True), s=7, color=colour, alpha=0.4, linewidths=0)


def scale(axes: Axes, places: list[float]) -> None:
    """A tick at each place, so that a reader finds the rows."""
    if len(places) > 1 and places[0] > 0 and places[-1] / places[0] >= LOGARITHMIC:
        axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def legend(figure: Figure, table: FilledTable, rows: list[Row]) -> None:
    """Colours say the column; the line, whether it was published or is measured here."""
    entries = [
        Line2D([], [], color=colour, marker=marker, markersize=5, linestyle="none", label=column)
        for i, column in enumerate(table.columns)
        for colour, marker in [SERIES[i % len(SERIES)]]
    ]
    cells = [cell for row in rows for cell in row.cells.values()]
    if any(cell.published is not None for cell in cells):
        entries.append(Line2D([], [], color=GREY, marker="o", label="paper", **PUBLISHED))
    if any(cell.measured is not None for cell in cells):
        entries.append(Line2D([], [], color=GREY, marker="o", label="here", **MEASURED))
    figure.legend(handles=entries, loc="outside right upper", frameon=False, handlelength=2.6)
