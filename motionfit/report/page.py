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
    SELF_TRAINED: "RGB, self-trained on pseudo-labels of motion",
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
    clustering: Clustering
    description: str
    sizes: Markup
    clusters: list[Cluster]
    scale: float


@dataclass(frozen=True)
class FlowView:
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
    made.filters |= {"percent": percent, "duration": duration, "memory": memory}
    return made


def view(config: Config, results: Path) -> dict[str, Any]:
    """All that the template shows."""
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
    queries, retrieval_scale = retrieval_examples(config, results, needed, shown, indices)
    return {
        "datasets": datasets,
        "evaluations": len(evaluations),
        "clips": clips_text(config),
        "headlines": headlines(shown, evaluations),
        "tables": results_tables(config, evaluations, indices),
        "box_width": graph.BOX,
        "box_height": graph.HEIGHT,
        "graph": drawing(config, needed, datasets, evaluations),
        "trainings": training_figures(config, results, needed),
        "confusions": [confusion_figure(evaluation) for evaluation in evaluations],
        "clusterings": clusterings(config, results, needed, indices),
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
    """The top-1 accuracies to begin with: of the networks that are compared, of the best motion
    model on the same data set, and of guessing."""
    dataset = shown[0].recipe.dataset
    motion = [e for e in evaluations if e.kind == MOTION and e.recipe.dataset == dataset]
    chosen = list(shown)
    if motion and shown[0].kind != MOTION:
        chosen.append(max(motion, key=collect.top1))
    classes = number_of_classes(shown[0])
    return [Headline(percent(collect.top1(e)), e.name, KINDS[e.kind], e.kind) for e in chosen] + [
        Headline(percent(1 / classes), "chance", f"{classes} classes", "chance")
    ]


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


def training_figures(config: Config, results: Path, needed: Lineage) -> list[Figure]:
    return [
        Figure(
            history.name, history.what + split_note(history.splits),
            Markup(figures.training_curves(history)),
        )
        for history in collect.read_histories(config, results, needed)
    ]  # fmt: skip


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


def clusterings(
    config: Config, results: Path, needed: Lineage, indices: dict[str, pd.DataFrame]
) -> list[ClusteringView]:
    views = []
    for name, splits in needed.pseudo_labels.items():
        recipe = config.pseudo_labels[name]
        clustering = collect.read_clustering(results, name, splits, indices[recipe.dataset])
        views.append(
            ClusteringView(
                clustering,
                f"features of {recipe.motion_model} on {recipe.dataset}, "
                f"granularity {recipe.granularity}",
                Markup(figures.cluster_sizes(clustering)),
                *cluster_examples(config, results, clustering, indices),
            )
        )
    return views


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
