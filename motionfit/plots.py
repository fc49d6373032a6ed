"""The look of all plots, and their conversion to SVG."""

import html
import io
import json
import re
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, SKY, GREY = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#a9cfe8",
    "#5b6470",
)
"""From the palette of Okabe and Ito, which colour-blind readers can tell apart."""

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "motionfit",
    "text.parse_math": False,  # a '$' in a label is a '$'
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9aa3ad",
    "axes.labelcolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.7,
    "lines.linewidth": 1.3,
}


class Point(NamedTuple):
    """A place in a plot where the page shows a text when the pointer is near."""

    axis: Axes
    x: float
    y: float
    text: str


def svg(figure: Figure, description: str, points: Sequence[Point] = ()) -> str:
    """Returns a figure as an <svg> element. Its ids are unique, so that a page can hold several.

    `points` become its attribute `data-points`: [x, y, text] of each, with x and y as fractions of
    its width and height, from the top left.
    """
    buffer = io.StringIO()
    nothing = dict.fromkeys(["Creator", "Date", "Format", "Type"])
    figure.savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :].strip()
    prefix = f"f{zlib.crc32((description + text).encode()):08x}-"
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}", text)
    attributes = f'role="img" aria-label="{html.escape(description)}"'
    if points:
        placed = json.dumps([_placed(figure, point) for point in points], ensure_ascii=False)
        attributes += f' data-points="{html.escape(placed)}"'
    return f"<svg {attributes} " + text.removeprefix("<svg ")


def _placed(figure: Figure, point: Point) -> tuple[float, float, str]:
    x, y = point.axis.transData.transform((point.x, point.y))
    return round(x / figure.bbox.width, 4), round(1 - y / figure.bbox.height, 4), point.text


def shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
