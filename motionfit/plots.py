"""The look of all plots, and their conversion to SVG."""

import io
import re
import zlib

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


def svg(figure: Figure, description: str) -> str:
    """Returns a figure as an <svg> element. Its ids are unique, so that a page can hold several."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(["Creator", "Date", "Format", "Type"])
    figure.savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :].strip()
    prefix = f"f{zlib.crc32((description + text).encode()):08x}-"
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}", text)
    label = description.translate({ord("&"): "&amp;", ord('"'): "&quot;", ord("<"): "&lt;"})
    return f'<svg role="img" aria-label="{label}" ' + text.removeprefix("<svg ")


def shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
