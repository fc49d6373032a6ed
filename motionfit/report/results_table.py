"""The table of results: one row per evaluation, one table per target data set."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from motionfit.config import Config
from motionfit.datasets.index import part
from motionfit.report.collect import EvaluationResult
from motionfit.report.kinds import KINDS, MARS, MOTION

LAYERS = {"last": "conv4, conv5, fc", "all": "all"}


@dataclass(frozen=True)
class Cell:
    """A measure: percent of the mean over the splits, and of each split where there are more."""

    text: str
    splits: list[tuple[str, str]]
    share: float
    best: bool


@dataclass(frozen=True)
class Row:
    """An evaluation."""

    name: str
    what: str
    made_of: str
    """The model, the pseudo-labels that it learned or its teacher, and the weight file that it
    started from."""
    kind: str
    modality: str
    labels: str
    clip_length: int
    layers: str
    motion_split: str
    leaks: bool
    """Whether the motion model may have seen labels of videos that are tested on."""
    cells: list[Cell]
    videos: str


@dataclass(frozen=True)
class ResultsTable:
    """The evaluations on one data set."""

    dataset: str
    classes: int
    headings: list[tuple[str, list[str]]]
    """Groups of measures, and the measures in each."""
    rows: list[Row]
    chance: list[str]
    """What guessing gives for each measure, percent."""

    @property
    def several(self) -> bool:
        """Whether there is an evaluation of several splits."""
        return any(cell.splits for row in self.rows for cell in row.cells)


def percent(value: float | None) -> str:
    return "—" if value is None else f"{100 * value:.1f}"


def results_tables(
    config: Config, evaluations: Sequence[EvaluationResult], indices: dict[str, pd.DataFrame]
) -> list[ResultsTable]:
    """A table a data set that is evaluated on."""
    datasets = dict.fromkeys(evaluation.recipe.dataset for evaluation in evaluations)
    return [
        results_table(
            config,
            dataset,
            [e for e in evaluations if e.recipe.dataset == dataset],
            indices[dataset],
        )
        for dataset in datasets
    ]


def results_table(
    config: Config, dataset: str, evaluations: Sequence[EvaluationResult], index: pd.DataFrame
) -> ResultsTable:
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
                what=what(e),
                made_of=made_of(config, e),
                kind=e.kind,
                modality="flow" if e.kind == MOTION else "RGB",
                labels=f"{100 * e.label_fraction:g}% ({len(e.labelled)})",
                clip_length=e.recipe.clip_length,
                layers=LAYERS[e.recipe.fine_tuning.layers] if e.recipe.fine_tuning else "none",
                motion_split=motion_split_text(config, e),
                leaks=config.leaks(e.name),
                cells=[cell(e, m, best[m] if e.kind != MOTION else None) for m in measures],
                videos=videos(e),
            )
            for e in evaluations
        ],
        chance=[percent(chance(m, evaluations[0], index)) for m in measures],
    )


def videos(evaluation: EvaluationResult) -> str:
    """Test videos a split; — where recognition, which counts them, is not measured."""
    splits = evaluation.measures.get("recognition videos", {"splits": {}})["splits"]
    numbers = sorted({round(n) for n in splits.values()})
    if not numbers:
        return "—"
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


# ---------------------------------------------------------------------------------------- columns


def measures_of(evaluations: Sequence[EvaluationResult]) -> list[str]:
    """The names of the measures in `metrics.json` that any of the evaluations has."""
    recalls = sorted({k for e in evaluations for k in e.recipe.recall_at})
    measures = ["recognition top1", "recognition top5"] + [
        f"retrieval {protocol} R@{k}" for protocol in ("clip", "video") for k in recalls
    ]
    return [m for m in measures if any(e.mean(m) is not None for e in evaluations)]


def headings(measures: Sequence[str]) -> list[tuple[str, list[str]]]:
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


def what(evaluation: EvaluationResult) -> str:
    tuning = evaluation.recipe.fine_tuning
    later = tuning and tuning.mars and evaluation.kind != MARS
    return KINDS[evaluation.kind].row + (", fine-tuned with MARS" if later else "")


def made_of(config: Config, evaluation: EvaluationResult) -> str:
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


def motion_split_text(config: Config, evaluation: EvaluationResult) -> str:
    """Which split's training labels the motion models have learned from."""
    texts = []
    for name in evaluation.motion_models:
        splits = [config.model_split(evaluation.recipe, name, s) for s in evaluation.recipe.splits]
        own = len(splits) > 1 and splits == list(evaluation.recipe.splits)
        texts.append("each split's own" if own else f"split {splits[0]}")
    return ", ".join(dict.fromkeys(texts)) or "—"


# ------------------------------------------------------------------------------------------ chance


def chance(measure: str, evaluation: EvaluationResult, index: pd.DataFrame) -> float:
    """What guessing gives on the first split."""
    kind, _, name = measure.rpartition(" ")
    if kind == "recognition":
        return min(int(name.removeprefix("top")), evaluation.classes) / evaluation.classes
    train, test = (part(index, evaluation.split, side)["label"] for side in ("train", "test"))
    clips = evaluation.recipe.clips if kind == "retrieval clip" else 1
    return chance_recall(test, train, int(name.removeprefix("R@")), clips)


def chance_recall(queries: pd.Series, gallery: pd.Series, k: int, clips: int) -> float:
    """Share of the queries that have their label among `k` clips of the gallery's videos, `clips`
    each, that are drawn at random."""
    total = clips * len(gallery)
    own = clips * gallery.value_counts()
    k = min(k, total)
    share = 0.0
    for label, count in queries.value_counts().items():
        others = total - int(own.get(label, 0))
        share += count * (1 - math.comb(others, k) / math.comb(total, k))
    return share / len(queries)
