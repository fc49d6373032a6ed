"""The plots of the report, each as SVG text for an HTML page."""

from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from motionfit.plots import BLUE, GREY, ORANGE, SKY, STYLE, Point, shortened, svg
from motionfit.report.collect import TRAINED, TrainingHistory
from motionfit.report.run import Run

MAX_CLASSES_WITH_COUNTS = 20
"""A confusion matrix of more classes shows colours without counts."""
EPOCHS_ON_HOVER = 30
"""Epochs of a training whose values the page shows when the pointer is near."""
MISTAKES = 3
"""Pairs of classes that are named below a confusion matrix."""


@dataclass(frozen=True)
class Plot:
    """A plot with a title, a note beside the title and a caption below."""

    title: str
    note: str
    svg: str
    caption: str = ""
    folded: bool = False
    """Whether the page shows the plot only on demand."""


@dataclass(frozen=True)
class PlotSection:
    """A section of the page that consists of plots."""

    id: str
    name: str
    """Its heading, and its name in the navigation."""
    paragraphs: list[str]
    """Text before the plots. It is escaped, unless it is `Markup`."""
    plots: list[Plot]
    wide: bool = False
    """Whether each plot has the whole width of the page."""
    only_featured: bool = False
    """Whether the section shows only the featured evaluations, which a note then says."""


# ------------------------------------------------------------------------------------- trainings


def training_section(run: Run) -> PlotSection:
    """The curves of all trainings. If the report is abridged, only those of the featured
    evaluations are unfolded."""
    paragraphs = [
        Markup(
            "Loss and accuracy over the epochs, one line per split: "
            '<b class="train">training</b> (solid) and <b class="validation">validation</b> '
            "(dashed) on held-out videos, if there are any. A dot marks the epoch whose weights "
            "were kept, unless it is the last. A vertical line marks a change of the learning "
            "rate. Accuracy is measured per clip, not per video."
        )
    ]
    if not run.histories:
        paragraphs.append("This run trains no models.")
    models = run.featured_needed.splits("motion_model", *TRAINED)
    featured = {*models, *run.featured_config.evaluations}
    plots = []
    for history in run.histories:
        splits = ", ".join(map(str, history.splits))
        note = history.description + (f", splits {splits}" if len(history.splits) > 1 else "")
        folded = run.abridged and history.name not in featured
        plots.append(Plot(history.name, note, training_curves(history), folded=folded))
    return PlotSection("curves", "Training", paragraphs, plots)


@matplotlib.rc_context(STYLE)
def training_curves(history: TrainingHistory) -> str:
    """Plots loss and accuracy over the epochs, for training and validation, one line per split.

    A dot marks the epoch whose weights were kept, unless it is the last. A training without labels
    has the accuracy of clip order instead, or only the loss.
    """
    columns = {column for table in history.splits.values() for column in table}
    accuracies = [m for m in ("accuracy", "order_accuracy") if f"train_{m}" in columns]
    measures = ["loss", *accuracies[:1]]
    figure = Figure(figsize=(3.9, 1.65))
    axes = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.1, right=0.985, bottom=0.25, top=0.87, wspace=0.26)
    axes[1].set_visible(len(measures) > 1)
    for axis, measure, scale in zip(axes, measures, (1, 100), strict=False):
        for table in history.splits.values():
            draw_training(axis, table, measure, scale, 0.9 if len(history.splits) == 1 else 0.6)
        title = measure.replace("_", " ")
        axis.set_title(title if scale == 1 else f"{title}, %", loc="left", color=GREY)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.margins(x=0.02)
        axis.set_xlabel("epoch", labelpad=1)
        axis.set_ylim(0, None if scale == 1 else 103)
    points = [
        point
        for axis, measure, scale in zip(axes, measures, (1, 100), strict=False)
        for split, table in history.splits.items()
        for point in training_points(axis, split, table, measure, scale)
    ]
    return svg(figure, f"Training curves of {history.name}", points)


def training_points(
    axis: Axes, split: int, table: pd.DataFrame, measure: str, scale: int
) -> list[Point]:
    """The values of some epochs, spread evenly, the last one among them."""
    shown = table.iloc[np.unique(np.linspace(0, len(table) - 1, EPOCHS_ON_HOVER).astype(int))]
    points = []
    for column, name in ((f"train_{measure}", "training"), (f"validation_{measure}", "validation")):
        if column in table:
            what = f"{name} {measure.replace('_', ' ')}"
            for epoch, value in zip(shown["epoch"], scale * shown[column], strict=True):
                number = f"{value:.3g}" if scale == 1 else f"{value:.1f}%"
                text = f"split {split}, epoch {epoch}: {what} {number}"
                points.append(Point(axis, epoch, value, text))
    return points


def draw_training(axis: Axes, table: pd.DataFrame, measure: str, scale: int, alpha: float) -> None:
    """Draws a measure of one training, times `scale`, and a thin vertical line where the learning
    rate changes."""
    changed = table["learning_rate"].diff().fillna(0) != 0
    for epoch in table["epoch"][changed]:
        axis.axvline(epoch - 0.5, color="#d5dae0", linewidth=0.8, zorder=0)
    look = {"alpha": alpha, "marker": "o", "markersize": 3}
    kept_early = np.flatnonzero(table["kept"].to_numpy()[:-1]).tolist()
    for side, colour, dashes in (("train", BLUE, "-"), ("validation", ORANGE, "--")):
        if f"{side}_{measure}" in table:
            values = scale * table[f"{side}_{measure}"]
            axis.plot(table["epoch"], values, dashes, color=colour, markevery=kept_early, **look)


# ------------------------------------------------------------------------------------- confusion


def confusion_section(run: Run) -> PlotSection:
    """The confusion matrices of the featured evaluations."""
    text = (
        "Rows are the true classes of the test videos, columns the predicted classes. A darker "
        "cell is a larger share of the true class. Correct predictions are on the diagonal."
    )
    if not run.predictions:
        text = "No evaluation measures recognition."
    plots = [
        Plot(e.name, f"split {e.split}", confusion(table, e.name), commonest_mistakes(table))
        for e, table in run.predictions
    ]
    return PlotSection("confusion", "Confusion", [text], plots, only_featured=True)


@matplotlib.rc_context(STYLE)
def confusion(predictions: pd.DataFrame, name: str) -> str:
    """Draws the confusion matrix: true classes in rows, predicted classes in columns, coloured by
    the share of the true class's videos."""
    names, counts = confusion_counts(predictions)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with_counts = len(names) <= MAX_CLASSES_WITH_COUNTS
    figure = Figure(figsize=(3.8, 3.6), layout="constrained")
    axis = figure.subplots()
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1, interpolation="none")
    if with_counts:
        centred = {"ha": "center", "va": "center", "fontsize": min(7.5, 75 / len(names))}
        for (row, column), value in np.ndenumerate(counts):
            if value:
                colour = "white" if share[row, column] > 0.55 else "#20262d"
                axis.text(column, row, str(value), color=colour, **centred)
    step = 1 if with_counts else -(-len(names) // 20)
    places = range(0, len(names), step)
    labels = [shortened(names[i], 16) for i in places]
    axis.set_xticks(places, labels, rotation=90)
    axis.set_yticks(places, labels)
    axis.tick_params(length=0 if with_counts else 2)
    axis.spines[:].set_visible(False)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    points = [
        Point(axis, column, row, f"{names[row]} as {names[column]}: {count} of {counts[row].sum()}")
        for (row, column), count in np.ndenumerate(counts)
        if count
    ]
    return svg(figure, f"Confusion matrix of {name}", points)


def confusion_counts(predictions: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """Classes, and the (K, K) numbers of videos by true class (row) and predicted class
    (column)."""
    names = [c[2:-1] for c in predictions.columns if c.startswith("p(")]
    table = pd.crosstab(predictions["label"], predictions["predicted"])
    return names, table.reindex(index=names, columns=names, fill_value=0).to_numpy()


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


# -------------------------------------------------------------------------------------- clusters


@matplotlib.rc_context(STYLE)
def cluster_sizes(name: str, sizes: np.ndarray, units: pd.DataFrame) -> str:
    """Plots the sizes of the clusters, the largest first. If true labels are known, the part of
    each cluster with its commonest label is dark."""
    order = np.argsort(-sizes, kind="stable")
    known = units[units["truth"] != ""]
    figure = Figure(figsize=(6.6, 1.9))
    axis = figure.subplots()
    figure.subplots_adjust(left=0.07, right=0.99, bottom=0.2, top=0.96)
    bars(axis, sizes[order], SKY if len(known) else BLUE)
    if len(known):
        commonest = pd.crosstab(known["label"], known["truth"]).max(axis=1)
        commonest = commonest.reindex(range(len(sizes)), fill_value=0).to_numpy()
        bars(axis, commonest[order], BLUE)
    axis.set_xlim(0.5, len(sizes) + 0.5)
    axis.set_xlabel("clusters, the largest first")
    axis.set_ylabel("units")
    axis.xaxis.get_major_locator().set_params(integer=True)
    points = [
        Point(axis, rank + 1, sizes[cluster], f"cluster {cluster}: {sizes[cluster]} units")
        for rank, cluster in enumerate(order)
    ]
    return svg(figure, f"Sizes of the clusters of {name}", points)


def bars(axis: Axes, values: np.ndarray, colour: str) -> None:
    """Draws bars at 1, 2, ... as a single path, so that the SVG of hundreds of bars stays small."""
    middles = np.arange(len(values)) + 1
    edges = np.stack([middles - 0.42, middles + 0.42], axis=1).ravel()
    steps = np.insert(values, range(1, len(values)), 0)
    axis.stairs(steps, edges, color=colour, fill=True)
