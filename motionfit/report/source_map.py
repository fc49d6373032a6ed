"""A map of the source's features: units that are near each other look alike to the motion model."""

from dataclasses import dataclass

from motionfit.report.exhibits import ClipReader
from motionfit.report.pictures import Film
from motionfit.report.run import Run
from motionfit.result_tables import read_table

COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#8a6fb0",
    "#7f7f00",
    "#a0522d",
    "#5b6470",
)
"""Of true classes or clusters, in turn."""


@dataclass(frozen=True)
class MapPoint:
    """A unit of the source."""

    x: float
    """From 0 to 1, as `y`."""
    y: float
    colour: str
    text: str
    film: Film


@dataclass(frozen=True)
class SourceMap:
    """A map of the source of some pseudo-labels."""

    name: str
    by_class: bool
    """Whether colours are true classes; else they are clusters."""
    points: list[MapPoint]


def source_maps(run: Run) -> list[SourceMap]:
    """One map for each of the featured pseudo-labels, in their first split."""
    return [source_map(run, name) for name in run.featured_needed.splits("pseudo_labels")]


def source_map(run: Run, name: str) -> SourceMap:
    recipe, split = run.config.pseudo_labels[name], min(run.qualities[name])
    path = run.results.file(run.graph.pseudo_labels(name, split), "map.csv")
    kinds = {"video": str, "start": int, "length": int, "label": int, "x": float, "y": float}
    table = read_table(path, kinds)
    reader = ClipReader(run, recipe.dataset, run.config.size_of(recipe.motion_model), None)
    labels = run.indices[recipe.dataset].set_index("video")["label"]
    truth = table["video"].map(labels).fillna("")
    by_class = bool((truth != "").any())
    names = sorted(truth.unique()) if by_class else list(range(table["label"].max() + 1))
    points = []
    for row, label in zip(table.itertuples(), truth, strict=True):
        if clip := reader.clip(row.video, row.start, row.length):
            colour = COLOURS[names.index(label if by_class else row.label) % len(COLOURS)]
            text = f"{label or row.video}, cluster {row.label}"
            points.append(MapPoint(row.x, row.y, colour, text, clip.film))
    return SourceMap(name, by_class, points)
