"""The tables of results: one table per target data set, one row per evaluation. `COLUMNS` lists the
columns that describe an evaluation."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from motionfit.config import Config
from motionfit.datasets.index import part
from motionfit.report.collect import EvaluationResult
from motionfit.report.kinds import KINDS, MARS, MOTION
from motionfit.report.run import Run

LAYERS_TEXT = {"last": "conv4, conv5, fc", "all": "all"}


@dataclass(frozen=True)
class Cell:
    """A measure of an evaluation, in percent."""

    text: str
    """Mean over the splits."""
    splits: list[tuple[str, str]]
    """Each split and its value. Empty if there is only one split."""
    share: float
    """The mean as a fraction, 0 if the evaluation does not take the measure."""
    best: bool
    """Whether this is the best RGB value."""


@dataclass(frozen=True)
class Row:
    """An evaluation in the table."""

    name: str
    description: str
    made_of: str
    """The model, what it has learned from, its initial weight file, and its teacher in
    fine-tuning."""
    kind: str
    columns: dict[str, str | int]
    """Maps the heading of each of `COLUMNS` to what the row shows in it."""
    leaks: bool
    """Whether a model may have learned from test videos."""
    cells: list[Cell]


@dataclass(frozen=True)
class ResultsTable:
    """The table of the evaluations on one data set."""

    dataset: str
    classes: int
    headings: list[tuple[str, list[str]]]
    """Each group of measures with the names of its measures."""
    rows: list[Row]
    chance: list[str]
    """Each measure's expected value for a random guess, in percent."""

    @property
    def shows_splits(self) -> bool:
        """Whether any evaluation has several splits."""
        return any(cell.splits for row in self.rows for cell in row.cells)


def percent(value: float | None) -> str:
    """A fraction as percent with one decimal, '—' for None."""
    return "—" if value is None else f"{100 * value:.1f}"


# ---------------------------------------------------------------------------------------- columns


def layers(run: Run, evaluation: EvaluationResult) -> str:
    tuning = evaluation.recipe.fine_tuning
    return LAYERS_TEXT[tuning.layers] if tuning else "none"


def motion_split(run: Run, evaluation: EvaluationResult) -> str:
    """The split whose training labels each motion model has learned from, with a dagger if a model
    may have learned from test videos."""
    recipe, texts = evaluation.recipe, []
    for name in evaluation.motion_models:
        splits = [run.config.model_split(recipe, name, split) for split in recipe.splits]
        same_split = len(splits) > 1 and splits == list(recipe.splits)
        texts.append("each split's own" if same_split else f"split {splits[0]}")
    leak = " †" if run.config.leaks(evaluation.name) else ""
    return (", ".join(dict.fromkeys(texts)) or "—") + leak


def videos(run: Run, evaluation: EvaluationResult) -> str:
    """Number of test videos per split, or its range over the splits. '—' if the evaluation does not
    measure recognition, which counts them."""
    splits = evaluation.measures.get("recognition videos", {"splits": {}})["splits"]
    numbers = sorted({round(n) for n in splits.values()})
    if not numbers:
        return "—"
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


COLUMNS: dict[str, Callable[[Run, EvaluationResult], str | int]] = {
    "input": lambda run, e: "flow" if e.kind == MOTION else "RGB",
    "labels used (videos)": lambda run, e: f"{100 * e.label_fraction:g}% ({len(e.labelled)})",
    "clip length": lambda run, e: e.recipe.clip_length,
    "fine-tuned layers": layers,
    "motion model learned from": motion_split,
    "test videos": videos,
}
"""Maps the heading of each column that describes an evaluation to the function that fills it. Text
is on the left of a column, and a number on the right. The columns of measures follow."""


# ----------------------------------------------------------------------------------------- tables


def results_tables(run: Run) -> list[ResultsTable]:
    """Makes one table per data set that an evaluation tests on."""
    datasets = dict.fromkeys(evaluation.recipe.dataset for evaluation in run.evaluations)
    return [results_table(run, dataset) for dataset in datasets]


def results_table(run: Run, dataset: str) -> ResultsTable:
    evaluations = [e for e in run.evaluations if e.recipe.dataset == dataset]
    measures = measures_of(evaluations)
    rgb = [e for e in evaluations if e.kind != MOTION]
    best = {
        m: max((v for e in rgb if (v := e.mean(m)) is not None), default=None) for m in measures
    }
    return ResultsTable(
        dataset=dataset,
        classes=evaluations[0].classes,
        headings=headings(measures),
        rows=[
            Row(
                name=e.name,
                description=description(e),
                made_of=made_of(run.config, e),
                kind=e.kind,
                columns={heading: fill(run, e) for heading, fill in COLUMNS.items()},
                leaks=run.config.leaks(e.name),
                cells=[cell(e, m, best[m] if e.kind != MOTION else None) for m in measures],
            )
            for e in evaluations
        ],
        chance=[percent(chance(m, evaluations[0], run.indices[dataset])) for m in measures],
    )


def measures_of(evaluations: Sequence[EvaluationResult]) -> list[str]:
    """Names of the measures, as in `metrics.json`, that at least one evaluation has."""
    recalls = sorted({k for e in evaluations for k in e.recipe.recall_at})
    measures = ["recognition top1", "recognition top5"] + [
        f"retrieval {protocol} R@{k}" for protocol in ("clip", "video") for k in recalls
    ]
    return [m for m in measures if any(e.mean(m) is not None for e in evaluations)]


def headings(measures: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Groups the measures by what they measure, such as 'retrieval by clip'."""
    groups: dict[str, list[str]] = {}
    for measure in measures:
        group, _, name = measure.rpartition(" ")
        groups.setdefault(re.sub(r"retrieval (\w+)", r"retrieval by \1", group), []).append(
            name.replace("top", "top-")
        )
    return list(groups.items())


def cell(evaluation: EvaluationResult, measure: str, best: float | None) -> Cell:
    mean = evaluation.mean(measure)
    splits = evaluation.measures[measure]["splits"] if mean is not None else {}
    return Cell(
        percent(mean),
        [(split, percent(value)) for split, value in splits.items()] if len(splits) > 1 else [],
        mean or 0.0,
        mean is not None and mean == best,
    )


# ------------------------------------------------------------------------------------ descriptions


def description(evaluation: EvaluationResult) -> str:
    tuning = evaluation.recipe.fine_tuning
    also_mars = tuning and tuning.mars and evaluation.kind != MARS
    return KINDS[evaluation.kind].row + (", fine-tuned with MARS" if also_mars else "")


def made_of(config: Config, evaluation: EvaluationResult) -> str:
    """The text of `Row.made_of`."""
    model = evaluation.recipe.model
    parts = [model]
    if model in config.appearance_models:
        recipe = config.appearance_models[model]
        if recipe.pseudo_labels:
            parts.append(f"by {recipe.pseudo_labels}")
        if recipe.mers:
            parts.append(f"by {recipe.mers.motion_model}")
    if evaluation.weights:
        parts.append(f"from {evaluation.weights.name}")
    if evaluation.recipe.fine_tuning and (mars := evaluation.recipe.fine_tuning.mars):
        parts.append(f"fine-tuned by {mars.motion_model}")
    return ", ".join(parts)


# ------------------------------------------------------------------------------------------ chance


def chance(measure: str, evaluation: EvaluationResult, index: pd.DataFrame) -> float:
    """Expected value of a measure for a random guess, on the first split."""
    kind, _, name = measure.rpartition(" ")
    if kind == "recognition":
        return min(int(name.removeprefix("top")), evaluation.classes) / evaluation.classes
    train, test = (part(index, evaluation.split, side)["label"] for side in ("train", "test"))
    clips = evaluation.recipe.clips if kind == "retrieval clip" else 1
    return chance_recall(test, train, int(name.removeprefix("R@")), clips)


def chance_recall(queries: pd.Series, gallery: pd.Series, k: int, clips: int) -> float:
    """Expected recall at `k` if `k` clips are drawn at random from the gallery, which has `clips`
    clips per video. `queries` and `gallery` are the labels of the videos."""
    total = clips * len(gallery)
    clips_of_label = clips * gallery.value_counts()
    k = min(k, total)
    share = 0.0
    for label, count in queries.value_counts().items():
        others = total - int(clips_of_label.get(label, 0))
        share += count * (1 - math.comb(others, k) / math.comb(total, k))
    return share / len(queries)
