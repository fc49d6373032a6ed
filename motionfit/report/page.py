"""The page: everything that is read and drawn, through the template into one file."""

import base64
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

from motionfit.config import Config, RetrievalFigure
from motionfit.files import replacing
from motionfit.graph import Needed, needed_by_evaluations
from motionfit.report import collect, figures, graph, pictures
from motionfit.report.collect import Clustering, EvaluationResult, Score
from motionfit.report.exhibits import (
    Cluster,
    FlowVideo,
    cluster_examples,
    flow_examples,
    retrieval_examples,
)
from motionfit.report.kinds import KINDS, MOTION, PRE_TRAINED, RANDOM, SELF_TRAINED
from motionfit.report.results_table import percent, results_tables
from motionfit.tables.plot import plot_svg
from motionfit.tables.text import (
    begins_section,
    explanation,
    measured_text,
    published_text,
    signed,
    splits_text,
)
from motionfit.tables.values import FilledTable, fill

PACKAGES = ("motionfit", "torch", "torchvision", "snakemake")
FEW = 8
"""Evaluations up to which all have their pictures; of more, those of the headlines have."""


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
class TableView:
    """A table of results beside published figures, with its plot where it has an axis."""

    table: FilledTable
    begins_section: list[bool]
    """For each row whether the heading of its section stands before it."""
    explanation: str
    plot: Markup | None


@dataclass(frozen=True)
class Picture:
    """A picture that another stage has drawn."""

    title: str
    uri: str


@dataclass(frozen=True)
class ClusteringView:
    """Pseudo-labels: their chart, and clips of some clusters."""

    clustering: Clustering
    description: str
    sizes: Markup
    motion: bool
    """Whether the features are of motion, and not of appearance."""
    clusters: list[Cluster]
    """Empty where they are not shown."""
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
    made.filters |= {
        "duration": duration,
        "memory": memory,
        "published_text": published_text,
        "measured_text": measured_text,
        "signed": signed,
        "splits_text": splits_text,
    }
    return made


def view(config: Config, results: Path) -> dict[str, Any]:
    """All that the template shows. What is missing is found before anything is drawn."""
    needed = needed_by_evaluations(config)
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
    shown = compared([e for e in evaluations if e.recognises], collect.top1)
    featured = chosen(shown, evaluations)
    some = len(featured) < len(evaluations)
    part = config.model_copy(
        update={"evaluations": {e.name: config.evaluations[e.name] for e in featured}}
    )
    close = needed_by_evaluations(part)
    histories = collect.read_histories(config, results, needed)
    clusterings = [
        collect.read_clustering(results, name, splits, indices[config.pseudo_labels[name].dataset])
        for name, splits in needed.splits("pseudo_labels").items()
    ]
    predictions = [(e, collect.read_predictions(results, e)) for e in featured if e.recognises]
    found = [(e, collect.read_neighbours(results, e)) for e in retrieving(shown, evaluations)]
    queries, retrieval_scale = retrieval_examples(config, results, needed, found, indices)
    return {
        "datasets": datasets,
        "evaluations": len(evaluations),
        "featured": [e.name for e in featured] if some else [],
        "clips": clips_text(config),
        "first": shown[0] if shown else None,
        "headlines": headlines(shown, evaluations),
        "gain": gain(shown),
        "results": results_tables(config, evaluations, indices),
        "tables": [table_view(config, name, results) for name in config.tables],
        "figures": [picture(*item, results) for item in config.figures.items()],
        "graph": drawing(part, close, datasets, evaluations, some),
        "trainings": training_views(part, close, histories, some),
        "confusions": [confusion_figure(*item) for item in predictions],
        "clusterings": clustering_views(config, results, clusterings, close, indices),
        "flows": [
            FlowView(name, flow, *flow_examples(config, results, name, flow, indices[name]))
            for name, flow in needed.flow
        ],
        "queries": queries,
        "retrieval_scale": retrieval_scale,
        "compared": [evaluation for evaluation, _ in found],
        **constants(),
        **costs(results),
        "config": as_yaml(config),
        "notice": config.notice,
    }


def constants() -> dict[str, Any]:
    """What is the same in the report of any run."""
    return {
        "box_width": graph.BOX,
        "wheel": pictures.colour_wheel(),
        "shown_width": pictures.SHOWN,
        "kinds": KINDS,
        "versions": versions(),
        "date": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
    }


def costs(results: Path) -> dict[str, Any]:
    stages = collect.read_costs(results)
    known = [stage.memory for stage in stages if not math.isnan(stage.memory)]
    return {"costs": stages, "memory_peak": max(known, default=math.nan)}


# --------------------------------------------------------------------------------- what is shown


def compared(evaluations: Sequence[EvaluationResult], score: Score) -> list[EvaluationResult]:
    """The best self-trained network and random weights beside it; without a self-trained one,
    whatever comes first."""
    if not evaluations:
        return []
    first = collect.best(evaluations, SELF_TRAINED, score) or evaluations[0]
    if first.kind == RANDOM:
        return [first]
    random = collect.best_random(evaluations, first.recipe.dataset, first.label_fraction, score)
    return [first, random] if random else [first]


def retrieving(
    shown: list[EvaluationResult], evaluations: Sequence[EvaluationResult]
) -> list[EvaluationResult]:
    """The evaluations whose retrieval is compared: those of the headlines, if they measure it."""
    if shown and all(e.retrieves for e in shown):
        return shown
    return compared([e for e in evaluations if e.retrieves], collect.first_recall)


def chosen(
    shown: Sequence[EvaluationResult], evaluations: Sequence[EvaluationResult]
) -> list[EvaluationResult]:
    """The evaluations that have pictures: all of a few; of many, those of the headlines."""
    if len(evaluations) <= FEW:
        return [*evaluations]
    return headlined(shown, evaluations) or [*evaluations[:FEW]]


def headlined(
    shown: Sequence[EvaluationResult], evaluations: Sequence[EvaluationResult]
) -> list[EvaluationResult]:
    """Those that are compared, and the best network of pre-trained weights and the best motion
    model on the same data set."""
    if not shown:
        return []
    own = [e for e in evaluations if e.recognises and e.recipe.dataset == shown[0].recipe.dataset]
    kinds = [kind for kind in (PRE_TRAINED, MOTION) if kind != shown[0].kind]
    others = (collect.best(own, kind, collect.top1) for kind in kinds)
    return [*shown, *(other for other in others if other)]


def headlines(
    shown: Sequence[EvaluationResult], evaluations: Sequence[EvaluationResult]
) -> list[Headline]:
    """The top-1 accuracies to begin with, and that of guessing; none without recognition."""
    if not shown:
        return []
    classes = shown[0].classes
    return [
        Headline(percent(collect.top1(e)), e.name, KINDS[e.kind].headline, e.kind)
        for e in headlined(shown, evaluations)
    ] + [Headline(percent(1 / classes), "chance", f"{classes} classes", "chance")]


def gain(shown: Sequence[EvaluationResult]) -> str:
    """The headline in words; nothing where the compared networks learn from different labels or
    are tested on different videos, or where it is not self-training alone that tells them apart."""
    if len(shown) < 2 or shown[0].kind != SELF_TRAINED or shown[0].weights:
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
    close: Needed,
    datasets: Sequence[collect.DatasetSummary],
    evaluations: Sequence[EvaluationResult],
    some: bool,
) -> graph.Drawing | None:
    """The graph of all artefacts, or of those that `some` evaluations need, which the config has
    left, and `close` is what they need; None where it is too large to be read."""
    details = {f"dataset {d.name}": f"{d.videos} videos" for d in datasets}
    details |= {
        f"evaluation {e.name}": f"top-1 {percent(collect.top1(e))}%"
        for e in evaluations
        if e.recognises
    }
    nodes, edges = graph.artefact_graph(config, close, details)
    if some:
        nodes, edges = graph.used(nodes, edges)
    return graph.draw(nodes, edges) if len(nodes) <= graph.READABLE else None


def table_view(config: Config, name: str, results: Path) -> TableView:
    leaking = {*config.leaking(name)}
    table = fill(name, config.tables[name], results / "evaluations", leaking)
    plot = Markup(plot_svg(table)) if table.axis else None
    return TableView(table, begins_section(table), explanation(table), plot)


def picture(name: str, recipe: RetrievalFigure, results: Path) -> Picture:
    path = collect.required(results / "figures" / f"{name}.png")
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return Picture(recipe.title, f"data:image/png;base64,{data}")


def clips_text(config: Config) -> str:
    """Clips a test video, in all the evaluations."""
    return " or ".join(map(str, sorted({e.clips for e in config.evaluations.values()})))


def training_views(
    config: Config, close: Needed, histories: Sequence[collect.TrainingHistory], some: bool
) -> list[tuple[Figure, bool]]:
    """The curves of all trainings, and whether each is of the config, which has `some` evaluations
    left, and which need what `close` has."""
    own = {*close.splits("motion_model"), *close.splits(*collect.TRAINED), *config.evaluations}
    return [(training_figure(h), not some or h.name in own) for h in histories]


def training_figure(history: collect.TrainingHistory) -> Figure:
    note = history.what + split_note(history.splits)
    return Figure(history.name, note, Markup(figures.training_curves(history)))


def split_note(splits: Sequence[int]) -> str:
    return f", splits {', '.join(map(str, splits))}" if len(splits) > 1 else ""


def confusion_figure(evaluation: EvaluationResult, predictions: pd.DataFrame) -> Figure:
    svg = figures.confusion(predictions, evaluation.name)
    note = f"split {evaluation.split}"
    return Figure(evaluation.name, note, Markup(svg), commonest_mistakes(predictions))


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


def clustering_views(
    config: Config,
    results: Path,
    clusterings: Sequence[Clustering],
    close: Needed,
    indices: dict[str, pd.DataFrame],
) -> list[ClusteringView]:
    """All pseudo-labels; clips are shown of those in `close`."""
    views = []
    for clustering in clusterings:
        recipe, units = config.pseudo_labels[clustering.name], clustering.read_units()
        examples: tuple[list[Cluster], float] = ([], 0.0)
        if clustering.name in close.splits("pseudo_labels"):
            examples = cluster_examples(config, results, clustering, units, indices)
        views.append(
            ClusteringView(
                clustering,
                f"features of {recipe.motion_model} on {recipe.dataset}, "
                f"granularity {recipe.granularity}",
                Markup(figures.cluster_sizes(clustering, units)),
                config.flow_of(recipe.motion_model) is not None,
                *examples,
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
