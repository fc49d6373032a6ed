"""Fills the template of the page and writes the report."""

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
    figure_text,
    measured_text,
    signed,
    splits_text,
)
from motionfit.tables.values import FilledTable, fill

TABLE_FUNCTIONS = (
    begins_section,
    explanation,
    figure_text,
    measured_text,
    plot_svg,
    signed,
    splits_text,
)
"""Functions that the template calls for a table or a cell of one."""
PACKAGES = ("motionfit", "torch", "torchvision", "snakemake")
MAX_FEATURED = 8
"""A run of up to this many evaluations features all of them with detailed plots and clips. A larger
run features only those of the headlines."""
MISTAKES = 3
"""Pairs of classes that are named below a confusion matrix."""


@dataclass(frozen=True)
class Figure:
    """A plot with a title, a note beside the title and a caption below."""

    title: str
    note: str
    svg: Markup
    caption: str = ""


@dataclass(frozen=True)
class Headline:
    """One of the large numbers at the top of the page."""

    value: str
    name: str
    note: str
    kind: str
    """One of `KINDS`, or 'chance'."""


@dataclass(frozen=True)
class Picture:
    """A picture drawn by another stage."""

    title: str
    uri: str


@dataclass(frozen=True)
class ClusteringView:
    """Pseudo-labels with a chart of the cluster sizes and clips of some clusters."""

    clustering: Clustering
    description: str
    sizes: Markup
    motion: bool
    """Whether the features describe motion. Otherwise they describe appearance."""
    clusters: list[Cluster]
    """Empty if the report shows no clips of these pseudo-labels."""
    scale: float
    """The motion that has full colour, in pixels per frame."""


@dataclass(frozen=True)
class FlowView:
    """Some videos of a data set with their flow."""

    dataset: str
    flow: str
    videos: list[FlowVideo]
    scale: float
    """The motion that has full colour, in pixels per frame."""


def write_report(config: Config, results: Path, output: Path) -> None:
    """Writes the report of a finished run as one HTML file that needs no other file.

    Raises MotionFitError naming the first missing result file.
    """
    html = environment().get_template("page.html").render(page_values(config, results))
    with replacing(output) as temporary:
        temporary.write_text(html, encoding="utf-8")


def environment() -> Environment:
    jinja = Environment(
        loader=PackageLoader("motionfit.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters |= {"duration": duration, "memory": memory}
    for function in TABLE_FUNCTIONS:
        jinja.globals[function.__name__] = function
    return jinja


def page_values(config: Config, results: Path) -> dict[str, Any]:
    """The values that the template shows. Most result files are read before anything is drawn, so
    that a missing one is noticed early."""
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
    compared = compared_evaluations([e for e in evaluations if e.recognises], collect.top1)
    featured = featured_evaluations(compared, evaluations)
    abridged = len(featured) < len(evaluations)
    featured_config = config.model_copy(
        update={"evaluations": {e.name: config.evaluations[e.name] for e in featured}}
    )
    featured_needed = needed_by_evaluations(featured_config)
    histories = collect.read_histories(config, results, needed)
    clusterings = [
        collect.read_clustering(results, name, splits, indices[config.pseudo_labels[name].dataset])
        for name, splits in needed.splits("pseudo_labels").items()
    ]
    predictions = [(e, collect.read_predictions(results, e)) for e in featured if e.recognises]
    neighbours = [
        (e, collect.read_neighbours(results, e))
        for e in compared_by_retrieval(compared, evaluations)
    ]
    queries, retrieval_scale = retrieval_examples(config, results, needed, neighbours, indices)
    return {
        "datasets": datasets,
        "evaluations": len(evaluations),
        "featured": [e.name for e in featured] if abridged else [],
        "clips": clips_text(config),
        "headline_evaluation": compared[0] if compared else None,
        "headlines": headlines(compared, evaluations),
        "gain": gain(compared),
        "results": results_tables(config, evaluations, indices),
        "tables": [filled_table(config, name, results) for name in config.tables],
        "figures": [picture(*item, results) for item in config.figures.items()],
        "graph": drawing(featured_config, featured_needed, datasets, evaluations, abridged),
        "trainings": training_views(featured_config, featured_needed, histories, abridged),
        "confusions": [confusion_figure(*item) for item in predictions],
        "clusterings": clustering_views(config, results, clusterings, featured_needed, indices),
        "flows": [
            FlowView(name, flow, *flow_examples(config, results, name, flow, indices[name]))
            for name, flow in needed.flow
        ],
        "queries": queries,
        "retrieval_scale": retrieval_scale,
        "retrieval_evaluations": [evaluation for evaluation, _ in neighbours],
        **constants(),
        **costs(results),
        "config": as_yaml(config),
        "notice": config.notice,
    }


def constants() -> dict[str, Any]:
    """The values that do not depend on the run."""
    return {
        "box_width": graph.BOX,
        "wheel": pictures.colour_wheel(),
        "picture_width": pictures.PICTURE_WIDTH,
        "kinds": KINDS,
        "versions": versions(),
        "date": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
    }


def costs(results: Path) -> dict[str, Any]:
    stages = collect.read_costs(results)
    known = [stage.memory for stage in stages if not math.isnan(stage.memory)]
    return {"costs": stages, "memory_peak": max(known, default=math.nan)}


# --------------------------------------------------------------------------------------- choices


def compared_evaluations(
    evaluations: Sequence[EvaluationResult], score: Score
) -> list[EvaluationResult]:
    """The best self-trained network, followed by the best network with random weights on the same
    data set, if there is one. Without a self-trained network, the first evaluation takes its
    place."""
    if not evaluations:
        return []
    first = collect.best(evaluations, SELF_TRAINED, score) or evaluations[0]
    if first.kind == RANDOM:
        return [first]
    random = collect.best_random(evaluations, first.recipe.dataset, first.label_fraction, score)
    return [first, random] if random else [first]


def compared_by_retrieval(
    compared: list[EvaluationResult], evaluations: Sequence[EvaluationResult]
) -> list[EvaluationResult]:
    """The evaluations whose retrieval is compared: the ones compared by recognition, if they all
    measure retrieval."""
    if compared and all(e.retrieves for e in compared):
        return compared
    return compared_evaluations([e for e in evaluations if e.retrieves], collect.first_recall)


def featured_evaluations(
    compared: Sequence[EvaluationResult], evaluations: Sequence[EvaluationResult]
) -> list[EvaluationResult]:
    """The evaluations with detailed plots and clips (`MAX_FEATURED`)."""
    if len(evaluations) <= MAX_FEATURED:
        return [*evaluations]
    return headline_evaluations(compared, evaluations) or [*evaluations[:MAX_FEATURED]]


def headline_evaluations(
    compared: Sequence[EvaluationResult], evaluations: Sequence[EvaluationResult]
) -> list[EvaluationResult]:
    """The compared evaluations, then the best network with pre-trained weights and the best motion
    model on the same data set."""
    if not compared:
        return []
    first = compared[0]
    same_dataset = [
        e for e in evaluations if e.recognises and e.recipe.dataset == first.recipe.dataset
    ]
    kinds = [kind for kind in (PRE_TRAINED, MOTION) if kind != first.kind]
    best_of_kinds = (collect.best(same_dataset, kind, collect.top1) for kind in kinds)
    return [*compared, *(best for best in best_of_kinds if best)]


def headlines(
    compared: Sequence[EvaluationResult], evaluations: Sequence[EvaluationResult]
) -> list[Headline]:
    """The top-1 accuracies at the top of the page, and the accuracy of guessing. Empty if no
    evaluation measures recognition."""
    if not compared:
        return []
    classes = compared[0].classes
    return [
        Headline(percent(collect.top1(e)), e.name, KINDS[e.kind].headline, e.kind)
        for e in headline_evaluations(compared, evaluations)
    ] + [Headline(percent(1 / classes), "chance", f"{classes} classes", "chance")]


def gain(compared: Sequence[EvaluationResult]) -> str:
    """Says in words what self-training gains over random weights.

    Empty without two networks to compare, or if these use different labels or test videos, or
    differ by more than self-training.
    """
    if len(compared) < 2 or compared[0].kind != SELF_TRAINED or compared[0].weights:
        return ""
    first, second = compared
    same_test_videos = all(
        getattr(first.recipe, key) == getattr(second.recipe, key) for key in ("dataset", "splits")
    )
    if not same_test_videos or first.labelled != second.labelled:
        return ""
    points = 100 * (collect.top1(first) - collect.top1(second))
    return (
        f"With the same {len(first.labelled)} labelled videos, self-training on motion is "
        f"{abs(points):.1f} points {'above' if points >= 0 else 'below'} random weights."
    )


def drawing(
    config: Config,
    needed: Needed,
    datasets: Sequence[collect.DatasetSummary],
    evaluations: Sequence[EvaluationResult],
    abridged: bool,
) -> graph.Drawing | None:
    """Draws the graph of artefacts. None if it is too large to be readable.

    `config` holds the featured evaluations, and `needed` what they are made from. If `abridged`,
    only these artefacts are drawn; otherwise all that the config names.
    """
    details = {f"dataset {d.name}": f"{d.videos} videos" for d in datasets}
    details |= {
        f"evaluation {e.name}": f"top-1 {percent(collect.top1(e))}%"
        for e in evaluations
        if e.recognises
    }
    nodes, edges = graph.artefact_graph(config, needed, details)
    if abridged:
        nodes, edges = graph.without_unused(nodes, edges)
    return graph.draw(nodes, edges) if len(nodes) <= graph.MAX_NODES else None


def filled_table(config: Config, name: str, results: Path) -> FilledTable:
    return fill(name, config.tables[name], results / "evaluations", {*config.leaking(name)})


def picture(name: str, recipe: RetrievalFigure, results: Path) -> Picture:
    path = collect.required(results / "figures" / f"{name}.png")
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return Picture(recipe.title, f"data:image/png;base64,{data}")


def clips_text(config: Config) -> str:
    """The numbers of clips per test video that occur in the evaluations, such as '5 or 10'."""
    return " or ".join(map(str, sorted({e.clips for e in config.evaluations.values()})))


def training_views(
    config: Config, needed: Needed, histories: Sequence[collect.TrainingHistory], abridged: bool
) -> list[tuple[Figure, bool]]:
    """Plots the curves of all trainings. The flag beside each plot says whether the page shows it
    unfolded.

    `config` holds the featured evaluations, and `needed` what they are made from. If `abridged`,
    only their trainings are unfolded.
    """
    featured = {
        *needed.splits("motion_model"),
        *needed.splits(*collect.TRAINED),
        *config.evaluations,
    }
    return [(training_figure(h), not abridged or h.name in featured) for h in histories]


def training_figure(history: collect.TrainingHistory) -> Figure:
    note = history.description + split_note(history.splits)
    return Figure(history.name, note, Markup(figures.training_curves(history)))


def split_note(splits: Sequence[int]) -> str:
    return f", splits {', '.join(map(str, splits))}" if len(splits) > 1 else ""


def confusion_figure(evaluation: EvaluationResult, predictions: pd.DataFrame) -> Figure:
    svg = figures.confusion(predictions, evaluation.name)
    note = f"split {evaluation.split}"
    return Figure(evaluation.name, note, Markup(svg), commonest_mistakes(predictions))


def commonest_mistakes(predictions: pd.DataFrame) -> str:
    """Says in words which classes are most often predicted instead of which true classes."""
    wrong = predictions[predictions["label"] != predictions["predicted"]]
    pairs = wrong.groupby(["label", "predicted"]).size().sort_values(ascending=False, kind="stable")
    if pairs.empty:
        return "No mistakes."
    return "Most often: " + "; ".join(
        f"{true} → {predicted} ({number})"
        for (true, predicted), number in pairs.head(MISTAKES).items()
    )


def clustering_views(
    config: Config,
    results: Path,
    clusterings: Sequence[Clustering],
    featured: Needed,
    indices: dict[str, pd.DataFrame],
) -> list[ClusteringView]:
    """The views of all pseudo-labels. Those that the featured evaluations need have clips."""
    views = []
    for clustering in clusterings:
        recipe, units = config.pseudo_labels[clustering.name], clustering.read_units()
        examples: tuple[list[Cluster], float] = ([], 0.0)
        if clustering.name in featured.splits("pseudo_labels"):
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


# ----------------------------------------------------------------------- config, versions, units


def as_yaml(config: Config) -> str:
    """The whole config with all defaults, without `resources`, which change no result."""
    values = config.model_dump(mode="json", exclude={"resources"})
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None)


def versions() -> dict[str, str]:
    """Versions of Python and of `PACKAGES`, without importing them."""
    numbers = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            numbers[package] = version(package)
        except PackageNotFoundError:
            numbers[package] = "not installed"
    return numbers


def duration(seconds: float) -> str:
    """A time as text, such as '2 min 01 s'."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, whole_seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {whole_seconds:02d} s"


def memory(megabytes: float) -> str:
    """An amount of memory as text, such as '1.9 GB'."""
    if pd.isna(megabytes):
        return "—"
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"
