"""The tables of results: one table per target data set, one row per evaluation. `COLUMNS` lists the
columns that describe an evaluation."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from motionfit.datasets.index import part
from motionfit.report.collect import EvaluationResult
from motionfit.report.kinds import KINDS, MARS, MOTION
from motionfit.report.run import Run

LAYERS_TEXT = {"last": "conv4, conv5, fc", "all": "all"}


def percent(value: float | None) -> str:
    """A fraction as percent with one decimal, '—' for None."""
    return "—" if value is None else f"{100 * value:.1f}"


# ---------------------------------------------------------------------------------------- columns


def network(evaluation: EvaluationResult) -> str:
    tuning = evaluation.recipe.fine_tuning
    also_mars = tuning and tuning.mars and evaluation.kind != MARS
    return KINDS[evaluation.kind].row + (", fine-tuned with MARS" if also_mars else "")


def made_of(run: Run, evaluation: EvaluationResult) -> str:
    """The model, what it has learned from, its initial weight file, and its teacher in
    fine-tuning."""
    model = evaluation.recipe.model
    parts = [model]
    if recipe := run.config.appearance_models.get(model):
        if recipe.pseudo_labels:
            parts.append(f"by {recipe.pseudo_labels}")
        if recipe.teaching:
            parts.append(f"by {recipe.teaching.motion_model}")
    if evaluation.weights:
        parts.append(f"from {evaluation.weights.name}")
    if evaluation.recipe.fine_tuning and (mars := evaluation.recipe.fine_tuning.mars):
        parts.append(f"fine-tuned by {mars.motion_model}")
    return ", ".join(parts)


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
    return (", ".join(dict.fromkeys(texts)) or "—") + (" †" if evaluation.leaks else "")


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


@dataclass(frozen=True)
class ResultsTable:
    """The table of the evaluations on one data set."""

    dataset: str
    evaluations: list[EvaluationResult]
    measures: list[str]
    """Names of the measures, as in `metrics.json`, that at least one evaluation has."""
    chance: list[float]
    """Each measure's expected value for a random guess."""

    @property
    def headings(self) -> dict[str, list[str]]:
        """Maps each group of measures, such as 'retrieval by clip', to the names in it."""
        groups: dict[str, list[str]] = {}
        for measure in self.measures:
            group, _, name = measure.rpartition(" ")
            group = re.sub(r"retrieval (\w+)", r"retrieval by \1", group)
            groups.setdefault(group, []).append(name.replace("top", "top-"))
        return groups

    def is_best(self, evaluation: EvaluationResult, measure: str) -> bool:
        """Whether an evaluation has the best RGB value of a measure."""
        rgb = [e for e in self.evaluations if e.kind != MOTION and e.mean(measure) is not None]
        return evaluation in rgb and evaluation.mean(measure) == max(e.mean(measure) for e in rgb)


def results_tables(run: Run) -> list[ResultsTable]:
    """Makes one table per data set that an evaluation tests on."""
    tables = []
    for dataset in dict.fromkeys(evaluation.recipe.dataset for evaluation in run.evaluations):
        evaluations = [e for e in run.evaluations if e.recipe.dataset == dataset]
        recalls = sorted({k for e in evaluations for k in e.recipe.recall_at})
        measures = ["recognition top1", "recognition top5"] + [
            f"retrieval {protocol} R@{k}" for protocol in ("clip", "video") for k in recalls
        ]
        taken = [m for m in measures if any(e.mean(m) is not None for e in evaluations)]
        by_chance = [chance(m, evaluations[0], run.indices[dataset]) for m in taken]
        tables.append(ResultsTable(dataset, evaluations, taken, by_chance))
    return tables


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
    k = min(k, total)
    others = total - clips * queries.map(gallery.value_counts()).fillna(0).astype(int)
    miss = {count: math.comb(count, k) / math.comb(total, k) for count in others.unique().tolist()}
    return 1 - others.map(miss).mean()
