"""Draws the graph of a run's artefacts, in columns from left to right."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from sklearn.isotonic import isotonic_regression

from motionfit.config import Config
from motionfit.graph import Artefact, Needed, graph_of_evaluations, reached
from motionfit.report.kinds import KINDS, kind_of_model
from motionfit.report.results_table import percent
from motionfit.report.run import Run, top1

COLUMNS = (
    "data sets",
    "frames",
    "flow",
    "motion models",
    "pseudo-labels",
    "appearance models",
    "evaluations",
)
DATASET, FRAMES, FLOW, MOTION, LABELS, APPEARANCE, EVALUATION = range(len(COLUMNS))

WIDTH, BOX, GAP, TOP = 1150, 138, 12, 34
"""Pixels: width of the drawing, width of a box, gap between boxes, height of the headings."""
LINE, PADDING, MAX_LETTERS = 15, 6, 16
"""Pixels: height of a line of text, padding above and below the text. Maximum letters per line."""
MAX_NODES = 100
"""A graph with more nodes is too large to be readable."""


@dataclass(frozen=True)
class Node:
    """An artefact in the graph."""

    key: str
    column: int
    name: str
    detail: str
    used: bool = True
    """Whether an evaluation needs the artefact. Otherwise the run does not make it."""

    @property
    def height(self) -> int:
        """Height of the node's box, in pixels."""
        return 2 * PADDING + LINE * (len(name_lines(self.name)) + 1)

    @property
    def lines(self) -> list[tuple[float, str]]:
        """The lines of text, each with its base line relative to the middle of the box: the name,
        then the detail."""
        top = PADDING + LINE - 4 - self.height / 2
        text = [*name_lines(self.name), self.detail]
        return [(top + i * LINE, line) for i, line in enumerate(text)]


@dataclass(frozen=True)
class Drawing:
    """A graph with its layout: boxes, and the wires between them as SVG paths."""

    width: float
    height: float
    headings: list[tuple[float, str]]
    boxes: list[tuple[Node, float, float]]
    """Each node with the left edge and the vertical middle of its box, in pixels."""
    data: list[str]
    """Wires that carry videos, frames or flow."""
    learned: list[str]
    """Wires that carry models or pseudo-labels."""


Nodes = dict[str, Node]
Edges = list[tuple[str, str]]


# ------------------------------------------------------------------------------------- the graph


def drawing(run: Run) -> Drawing | None:
    """Draws the graph of all artefacts that the config names. If the report is abridged, only those
    that the featured evaluations need. None if it is too large to be readable."""
    details = {f"dataset {d.name}": f"{d.videos} videos" for d in run.datasets}
    details |= {
        f"evaluation {e.name}": f"top-1 {percent(top1(e))}%"
        for e in run.evaluations
        if e.recognises
    }
    nodes, edges = artefact_graph(run.featured_config, run.featured_needed, details)
    if run.abridged:
        nodes, edges = without_unused(nodes, edges)
    return draw(nodes, edges) if len(nodes) <= MAX_NODES else None


def artefact_graph(
    config: Config, needed: Needed, details: Mapping[str, str]
) -> tuple[Nodes, Edges]:
    """Returns the nodes by key, and the edges (from, to), of all artefacts that the config names.

    `needed`: the artefacts that are made; all other nodes are not `used`. `details`: the last line
    of text in the boxes of data sets and evaluations, by key ('dataset NAME', ...).
    """
    made = {node.key for artefact in needed.artefacts if (node := node_of(config, artefact))}
    nodes: Nodes = {}
    edges: dict[tuple[str, str], None] = {}
    for artefact in all_artefacts(config):
        node = node_of(config, artefact)
        if node is None:
            continue
        detail = details.get(node.key, node.detail)
        nodes.setdefault(node.key, replace(node, detail=detail, used=node.key in made))
        for source in sources(artefact):
            start = node_of(config, source)
            if start and start.key != node.key:
                edges[start.key, node.key] = None
    return nodes, list(edges)


def all_artefacts(config: Config) -> list[Artefact]:
    """One artefact of each name that the config has, whatever the split or shard, and all that
    these are made from."""
    graph = graph_of_evaluations(config)
    targets = [graph.index(name) for name in config.datasets]
    targets += [graph.model(name, 1) for name in config.motion_models]
    targets += [graph.pseudo_labels(name, 1) for name in config.pseudo_labels]
    targets += [graph.model(name, 1) for name in config.appearance_models]
    targets += [graph.metrics(name) for name in config.evaluations]
    return reached(targets)


def sources(artefact: Artefact) -> list[Artefact]:
    """The artefacts that an artefact is made from, as the graph shows it. Features have no box, so
    what they are made from takes their place. Most artefacts read an index, but only frames have a
    wire from it."""
    shown_sources = []
    for name, read in artefact.inputs.items():
        for made in read.made_by:
            if made.rule == "features":
                shown_sources += sources(made)
            elif name != "index" or artefact.rule == "frames":
                shown_sources.append(made)
    return shown_sources


def node_of(config: Config, artefact: Artefact) -> Node | None:
    """The node that an artefact belongs to. None if the artefact is not drawn."""
    names = artefact.wildcards
    match artefact.rule:
        case "index":
            name = names["dataset"]
            return Node(f"dataset {name}", DATASET, name, "")
        case "frames":
            name, size = names["dataset"], names["size"]
            return Node(f"frames {name} {size}", FRAMES, name, f"{size} px")
        case "flow":
            name, dataset = names["flow"], names["dataset"]
            return Node(f"flow {dataset} {name}", FLOW, name, f"of {dataset}")
        case "motion_model":
            name = names["motion_model"]
            split = config.motion_models[name].motion_split
            detail = "evaluated split" if split == "target" else f"split {split}"
            return Node(f"model {name}", MOTION, name, detail)
        case "pseudo_labels":
            name = names["pseudo_labels"]
            detail = f"{config.pseudo_labels[name].clusters} clusters"
            return Node(f"labels {name}", LABELS, name, detail)
        case "appearance_model" | "taught_model" | "random_model":
            name = names[artefact.rule]
            detail = KINDS[kind_of_model(config, name)].box
            return Node(f"model {name}", APPEARANCE, name, detail)
        case "fine_tuning" | "recognition" | "retrieval" | "metrics":
            name = names["evaluation"]
            return Node(f"evaluation {name}", EVALUATION, name, "")
    return None


def without_unused(nodes: Nodes, edges: Edges) -> tuple[Nodes, Edges]:
    """Removes the nodes that no evaluation needs, and their edges."""
    kept = {key: node for key, node in nodes.items() if node.used}
    return kept, [(a, b) for a, b in edges if a in kept and b in kept]


# ------------------------------------------------------------------------------------ the layout


def draw(nodes: Nodes, edges: Edges) -> Drawing:
    """Lays out the graph so that few wires cross.

    A wire that spans several columns passes through a lane between the boxes of each column in
    between. All wires that start at the same node share its lanes.
    """
    columns: list[list[str]] = [[] for _ in COLUMNS]
    column_of = {key: node.column for key, node in nodes.items()}
    segments: dict[tuple[str, str], None] = {}
    for start, end in edges:
        last = start
        for column in range(column_of[start] + 1, column_of[end]):
            lane = f"lane {column} {start}"
            column_of[lane] = column
            segments[last, lane] = None
            last = lane
        segments[last, end] = None
    for key, column in column_of.items():
        columns[column].append(key)
    columns = untangle(columns, list(segments))
    heights = {key: nodes[key].height if key in nodes else 0 for key in column_of}
    y = vertical_middles(columns, list(segments), heights)
    left = [column * (WIDTH - BOX) / (len(COLUMNS) - 1) for column in range(len(COLUMNS))]
    x = {key: left[column] for key, column in column_of.items()}
    wires = {(a, b): wire(x[a] + BOX, y[a], x[b], y[b]) for a, b in segments}
    wires |= {(k, k): f"M{x[k]:.1f},{y[k]:.1f}h{BOX}" for k in column_of if k not in nodes}
    learned = ("model ", "labels ")
    origin = {key: key if key in nodes else key.split(" ", 2)[2] for key in column_of}
    return Drawing(
        WIDTH,
        max(y[key] + heights[key] / 2 for key in y) + 4,
        list(zip(left, COLUMNS, strict=True)),
        [(node, x[key], y[key]) for key, node in nodes.items()],
        [path for (a, _), path in wires.items() if not origin[a].startswith(learned)],
        [path for (a, _), path in wires.items() if origin[a].startswith(learned)],
    )


def name_lines(name: str) -> list[str]:
    """Splits a name into lines that fit into a box, after '-', '_' or '.' if possible."""
    lines = [""]
    for piece in re.findall(rf"[^-_.]{{1,{MAX_LETTERS - 1}}}[-_.]?|[-_.]", name):
        if len(lines[-1] + piece) > MAX_LETTERS:
            lines.append("")
        lines[-1] += piece
    return lines


def wire(x0: float, y0: float, x1: float, y1: float) -> str:
    """The SVG path of a curve that leaves (x0, y0) and reaches (x1, y1) horizontally."""
    middle = (x0 + x1) / 2
    return f"M{x0:.1f},{y0:.1f}C{middle:.1f},{y0:.1f} {middle:.1f},{y1:.1f} {x1:.1f},{y1:.1f}"


def untangle(columns: list[list[str]], segments: Edges) -> list[list[str]]:
    """Orders the nodes of each column so that few wires cross.

    Sorts each column by the mean position of its neighbours, sweeping forward and backward, and
    keeps the order with the fewest crossings. Then swaps adjacent nodes as long as that removes
    crossings.
    """
    best = columns
    for sweep in range(12):
        forward = sweep % 2 == 0
        columns = [list(column) for column in columns]
        order = range(1, len(columns)) if forward else range(len(columns) - 2, -1, -1)
        for c in order:
            adjacent = columns[c - 1 if forward else c + 1]
            place = {key: i for i, key in enumerate(adjacent)}
            means = [
                np.mean([place[n] for n in neighbours(key, segments) if n in place] or [i])
                for i, key in enumerate(columns[c])
            ]
            columns[c] = [columns[c][i] for i in np.argsort(means, kind="stable")]
        if crossings(columns, segments) < crossings(best, segments):
            best = columns
    fewest, before = crossings(best, segments), None
    while fewest != before:
        before = fewest
        for column in best:
            for i in range(len(column) - 1):
                column[i], column[i + 1] = column[i + 1], column[i]
                if (now := crossings(best, segments)) < fewest:
                    fewest = now
                else:
                    column[i], column[i + 1] = column[i + 1], column[i]
    return best


def neighbours(key: str, segments: Edges) -> list[str]:
    """The nodes and lanes that segments connect to `key`."""
    return [b if a == key else a for a, b in segments if key in (a, b)]


def crossings(columns: list[list[str]], segments: Edges) -> int:
    """Counts the pairs of wires that cross."""
    place = {key: i for column in columns for i, key in enumerate(column)}
    total = 0
    for column in columns:
        keys = set(column)
        ends = np.array([(place[a], place[b]) for a, b in segments if a in keys])
        if len(ends):
            start, end = ends[:, :1], ends[:, 1:]
            total += int(((start < start.T) & (end > end.T)).sum())
    return total


def vertical_middles(
    columns: list[list[str]], segments: Edges, height: Mapping[str, float]
) -> dict[str, float]:
    """The vertical middle of each node, in pixels: as near as possible (least squares) to the mean
    of its neighbours, without overlapping the other nodes of its column."""
    y: dict[str, float] = {}
    offsets: dict[str, float] = {}
    for column in columns:
        edge = 0.0
        for key in column:
            offsets[key] = y[key] = edge + height[key] / 2
            edge += height[key] + GAP
    around = {key: neighbours(key, segments) for key in y}
    for sweep in range(30):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            if not column:  # isotonic_regression refuses an empty array
                continue
            wanted = [
                np.mean([y[other] for other in around[key]] or [y[key]]) - offsets[key]
                for key in column
            ]
            for key, shift in zip(column, isotonic_regression(wanted), strict=True):
                y[key] = offsets[key] + shift
    top = min(y[key] - height[key] / 2 for key in y)
    return {key: float(value - top + TOP) for key, value in y.items()}
