"""A finished run as the report shows it: what its result files hold, and the evaluations that are
shown in detail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from motionfit.config import Config
from motionfit.datasets.index import read_index
from motionfit.graph import Needed, needed_by_evaluations
from motionfit.report import collect
from motionfit.report.collect import (
    Clustering,
    DatasetSummary,
    EvaluationResult,
    TrainingHistory,
    required,
)
from motionfit.report.kinds import KINDS, MOTION, PRE_TRAINED, RANDOM, SELF_TRAINED

Score = Callable[[EvaluationResult], float]

MAX_FEATURED = 8
"""A run of up to this many evaluations features all of them with detailed plots and clips. A larger
run features only those of the headlines."""


@dataclass(frozen=True)
class Run:
    """A finished run."""

    config: Config
    results: Path
    needed: Needed
    """What the evaluations are made from."""
    indices: dict[str, pd.DataFrame]
    """The index of each data set that the evaluations use."""
    datasets: list[DatasetSummary]
    evaluations: list[EvaluationResult]
    """In the order of `KINDS`."""
    compared: list[EvaluationResult]
    """One or two networks that the top of the page compares. Empty if no evaluation measures
    recognition."""
    featured: list[EvaluationResult]
    """The evaluations with detailed plots and clips (see `MAX_FEATURED`)."""
    featured_config: Config
    """The config without the other evaluations."""
    featured_needed: Needed
    """What the featured evaluations are made from."""
    histories: list[TrainingHistory]
    clusterings: list[Clustering]
    predictions: list[tuple[EvaluationResult, pd.DataFrame]]
    """Those of the featured evaluations that measure recognition."""
    neighbours: list[tuple[EvaluationResult, pd.DataFrame]]
    """The nearest training videos of each query, for the evaluations whose retrieval is compared.
    All of them test on one data set."""

    @property
    def abridged(self) -> bool:
        """Whether some evaluations are not featured."""
        return len(self.featured) < len(self.evaluations)


def read_run(config: Config, results: Path) -> Run:
    """Reads the result files except tables, figures, benchmarks and shards. They are read before
    anything is drawn, so that a missing one is noticed early.

    Raises MotionFitError naming the first missing file.
    """
    needed = needed_by_evaluations(config)
    indices = {
        name: read_index(required(results / "index" / f"{name}.csv")) for name in needed.datasets
    }
    datasets = [
        collect.read_dataset(config, results, needed, name, index)
        for name, index in indices.items()
    ]
    kinds = list(KINDS)
    evaluations = sorted(
        (collect.read_evaluation(config, results, name, indices) for name in config.evaluations),
        key=lambda evaluation: kinds.index(evaluation.kind),
    )
    compared = compared_evaluations([e for e in evaluations if e.recognises], top1)
    featured = featured_evaluations(compared, evaluations)
    featured_config = config.model_copy(
        update={"evaluations": {e.name: config.evaluations[e.name] for e in featured}}
    )
    return Run(
        config=config,
        results=results,
        needed=needed,
        indices=indices,
        datasets=datasets,
        evaluations=evaluations,
        compared=compared,
        featured=featured,
        featured_config=featured_config,
        featured_needed=needed_by_evaluations(featured_config),
        histories=collect.read_histories(config, results, needed),
        clusterings=[
            collect.read_clustering(
                results, name, splits, indices[config.pseudo_labels[name].dataset]
            )
            for name, splits in needed.splits("pseudo_labels").items()
        ],
        predictions=[(e, collect.read_predictions(e)) for e in featured if e.recognises],
        neighbours=[
            (e, collect.read_neighbours(e)) for e in compared_by_retrieval(compared, evaluations)
        ],
    )


# --------------------------------------------------------------------------------------- choices


def top1(evaluation: EvaluationResult) -> float:
    """Top-1 accuracy. The evaluation must measure recognition."""
    return evaluation.measures["recognition top1"]["mean"]


def first_recall(evaluation: EvaluationResult) -> float:
    """Recall by clip at the smallest k. The evaluation must measure retrieval."""
    return evaluation.measures[f"retrieval clip R@{min(evaluation.recipe.recall_at)}"]["mean"]


def best(
    evaluations: Sequence[EvaluationResult], kind: str, score: Score
) -> EvaluationResult | None:
    """The evaluation of a kind with the highest score. None if there is none of this kind."""
    return max((e for e in evaluations if e.kind == kind), key=score, default=None)


def compared_evaluations(
    evaluations: Sequence[EvaluationResult], score: Score
) -> list[EvaluationResult]:
    """The best self-trained network, followed by the best network with random weights on the same
    data set, if there is one; one that uses the same fraction of the labels is preferred. Without a
    self-trained network, the first evaluation takes its place."""
    if not evaluations:
        return []
    first = best(evaluations, SELF_TRAINED, score) or evaluations[0]
    if first.kind == RANDOM:
        return [first]
    on_dataset = [e for e in evaluations if e.recipe.dataset == first.recipe.dataset]
    same_fraction = [e for e in on_dataset if e.label_fraction == first.label_fraction]
    random = best(same_fraction, RANDOM, score) or best(on_dataset, RANDOM, score)
    return [first, random] if random else [first]


def compared_by_retrieval(
    compared: list[EvaluationResult], evaluations: Sequence[EvaluationResult]
) -> list[EvaluationResult]:
    """The evaluations whose retrieval is compared: the ones compared by recognition, if they all
    measure retrieval."""
    if compared and all(e.retrieves for e in compared):
        return compared
    return compared_evaluations([e for e in evaluations if e.retrieves], first_recall)


def featured_evaluations(
    compared: list[EvaluationResult], evaluations: list[EvaluationResult]
) -> list[EvaluationResult]:
    """The evaluations with detailed plots and clips (`MAX_FEATURED`)."""
    if len(evaluations) <= MAX_FEATURED:
        return evaluations
    return headline_evaluations(compared, evaluations) or evaluations[:MAX_FEATURED]


def headline_evaluations(
    compared: list[EvaluationResult], evaluations: Sequence[EvaluationResult]
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
    best_of_kinds = (best(same_dataset, kind, top1) for kind in kinds)
    return [*compared, *(found for found in best_of_kinds if found)]
