"""The page: everything that is read and drawn, through the template into one file."""

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from motionfit.config import Config
from motionfit.files import replacing
from motionfit.report import collect, figures, graph, pictures
from motionfit.report.collect import (
    MOTION,
    PRE_TRAINED,
    RANDOM,
    SELF_TRAINED,
    Clustering,
    EvaluationResult,
)
from motionfit.report.exhibits import (
    Cluster,
    FlowVideo,
    cluster_examples,
    flow_examples,
    retrieval_examples,
)
from motionfit.report.lineage import Lineage, lineage
from motionfit.report.results_table import number_of_classes, percent, results_tables

KINDS = {
    SELF_TRAINED: "RGB, self-trained on motion",
    PRE_TRAINED: "RGB, pre-trained weights",
    RANDOM: "RGB, random weights",
    MOTION: "flow, motion model",
}
PACKAGES = ("motionfit", "torch", "torchvision", "snakemake")


@dataclass(frozen=True)
class Figure:
    """A plot with a title, what is said beside it, and a line below."""

    title: str
    note: str
    svg: Markup
    caption: str = ""


@dataclass(frozen=True)
class Headline:
    """A number to begin with."""

    value: str
    name: str
    note: str
    kind: str


@dataclass(frozen=True)
class ClusteringView:
    """Pseudo-labels: their chart, and clips of some clusters."""

    clustering: Clustering
    description: str
    sizes: Markup
    clusters: list[Cluster]
    scale: float
    """Pixels a frame of full colour."""


@dataclass(frozen=True)
class FlowView:
    """Videos with their flow."""

    dataset: str
    flow: str
    videos: list[FlowVideo]
    scale: float


def write_report(config: Config, results: Path, output: Path) -> None:
    """Writes the report of a finished run as one HTML file that needs nothing else.

    Raises MotionFitError naming the first result file that is missing.
    """
    html = environment().get_template("page.html").render(view(config, results))
    with replacing(output) as temporary:
        temporary.write_text(html, encoding="utf-8")


def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("motionfit.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"duration": duration, "memory": memory}
    return made


def view(config: Config, results: Path) -> dict[str, Any]:
    """All that the template shows. What is missing is found before anything is drawn."""
    needed = lineage(config)
    indices = collect.read_indices(results, needed)
    datasets = [
        collect.read_dataset(config, results, needed, name, index)
        for name, index in indices.items()
    ]
    kinds = list(KINDS)
    evaluations = sorted(
        (collect.read_evaluation(config, results, name, indices) for name in config.evaluations),
        key=lambda evaluation: kinds.index(evaluation.kind),
    )
    shown = compared(evaluations)
    costs = collect.read_costs(results)
    histories = collect.read_histories(config, results, needed)
    clusterings = [
        collect.read_clustering(results, name, splits, indices[config.pseudo_labels[name].dataset])
        for name, splits in needed.pseudo_labels.items()
    ]
    neighbours = [(e, collect.read_neighbours(results, e)) for e in shown]
    queries, retrieval_scale = retrieval_examples(config, results, needed, neighbours, indices)
    return {
        "datasets": datasets,
        "evaluations": len(evaluations),
        "clips": clips_text(config),
        "headlines": headlines(shown, evaluations),
        "gain": gain(shown),
        "tables": results_tables(config, evaluations, indices),
        "box_width": graph.BOX,
        "graph": drawing(config, needed, datasets, evaluations),
        "trainings": [training_figure(history) for history in histories],
        "confusions": [confusion_figure(evaluation) for evaluation in evaluations],
        "clusterings": [clustering_view(config, results, c, indices) for c in clusterings],
        "flows": [
            FlowView(name, flow, *flow_examples(config, results, name, flow, indices[name]))
            for name, flow in needed.flow
        ],
        "wheel": pictures.colour_wheel(),
        "shown_width": pictures.SHOWN,
        "queries": queries,
        "compared": shown,
        "retrieval": shown[0],
        "kinds": KINDS,
        "retrieval_scale": retrieval_scale,
        "costs": costs,
        "memory_peak": max((c.memory for c in costs if not math.isnan(c.memory)), default=math.nan),
        "config": as_yaml(config),
        "versions": versions(),
        "date": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
    }


# --------------------------------------------------------------------------------- what is shown


def compared(evaluations: Sequence[EvaluationResult]) -> list[EvaluationResult]:
    """The best self-trained network and random weights beside it; without a self-trained one,
    whatever comes first."""
    first = collect.best_rgb(evaluations) or evaluations[0]
    if first.kind == RANDOM:
        return [first]
    random = collect.best_random(evaluations, first.recipe.dataset, first.label_fraction)
    return [first, random] if random else [first]


def headlines(
    shown: Sequence[EvaluationResult], evaluations: Sequence[EvaluationResult]
) -> list[Headline]:
    """The top-1 accuracies to begin with: of the networks that are compared, of the best one of
    pre-trained weights and the best motion model on the same data set, and of guessing."""
    dataset = shown[0].recipe.dataset
    chosen = list(shown)
    for kind in (PRE_TRAINED, MOTION):
        own = [e for e in evaluations if e.kind == kind and e.recipe.dataset == dataset]
        if own and shown[0].kind != kind:
            chosen.append(max(own, key=collect.top1))
    classes = number_of_classes(shown[0])
    return [Headline(percent(collect.top1(e)), e.name, KINDS[e.kind], e.kind) for e in chosen] + [
        Headline(percent(1 / classes), "chance", f"{classes} classes", "chance")
    ]


def gain(shown: Sequence[EvaluationResult]) -> str:
    """The headline in words; nothing where the compared networks learn from different labels or
    are tested on different videos, or where it is not self-training alone that tells them apart."""
    if len(shown) < 2 or shown[0].weights:
        return ""
    first, second = shown
    same_test = all(
        getattr(first.recipe, key) == getattr(second.recipe, key) for key in ("dataset", "splits")
    )
    if not same_test or first.labelled != second.labelled:
        return ""
    points = 100 * (collect.top1(first) - collect.top1(second))
    return (
        f"With the same {len(first.labelled)} labelled videos, self-training on motion is "
        f"{abs(points):.1f} points {'above' if points >= 0 else 'below'} random weights."
    )


def drawing(
    config: Config,
    needed: Lineage,
    datasets: Sequence[collect.DatasetSummary],
    evaluations: Sequence[EvaluationResult],
) -> graph.Drawing:
    details = {f"dataset {d.name}": f"{d.videos} videos" for d in datasets}
    details |= {f"evaluation {e.name}": f"top-1 {percent(collect.top1(e))}%" for e in evaluations}
    return graph.draw(*graph.artefact_graph(config, needed, details))


def clips_text(config: Config) -> str:
    """Clips a test video, in all the evaluations."""
    return " or ".join(map(str, sorted({e.clips for e in config.evaluations.values()})))


def training_figure(history: collect.TrainingHistory) -> Figure:
    note = history.what + split_note(history.splits)
    return Figure(history.name, note, Markup(figures.training_curves(history)))


def split_note(splits: Sequence[int]) -> str:
    return f", splits {', '.join(map(str, splits))}" if len(splits) > 1 else ""


def confusion_figure(evaluation: EvaluationResult) -> Figure:
    svg = figures.confusion(evaluation.predictions, evaluation.name)
    note = f"split {evaluation.split}"
    return Figure(evaluation.name, note, Markup(svg), commonest_mistakes(evaluation.predictions))


def commonest_mistakes(predictions: pd.DataFrame, count: int = 3) -> str:
    """The pairs of classes that are most often taken for each other, in words."""
    wrong = predictions[predictions["label"] != predictions["predicted"]]
    pairs = wrong.groupby(["label", "predicted"]).size().sort_values(ascending=False, kind="stable")
    if pairs.empty:
        return "No mistakes."
    return "Most often: " + "; ".join(
        f"{true} → {predicted} ({number})"
        for (true, predicted), number in pairs.head(count).items()
    )


def clustering_view(
    config: Config, results: Path, clustering: Clustering, indices: dict[str, pd.DataFrame]
) -> ClusteringView:
    recipe = config.pseudo_labels[clustering.name]
    return ClusteringView(
        clustering,
        f"features of {recipe.motion_model} on {recipe.dataset}, granularity {recipe.granularity}",
        Markup(figures.cluster_sizes(clustering)),
        *cluster_examples(config, results, clustering, indices),
    )


# ------------------------------------------------------------------------------------- small print


def as_yaml(config: Config) -> str:
    """The whole config with all defaults, but for what jobs ask for, which changes no result."""
    values = config.model_dump(mode="json", exclude={"resources"})
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None)


def versions() -> dict[str, str]:
    """Of Python and the packages that matter, without importing them."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def memory(megabytes: float) -> str:
    if pd.isna(megabytes):
        return "—"
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"
