"""A finished run as the report shows it: what its result files hold, and the evaluations that are
shown in detail."""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import pandas as pd

from motionfit.config import Config, seed_name
from motionfit.datasets.index import read_index
from motionfit.graph import Graph, needed_by_evaluations
from motionfit.judgement import compare_with_guessing
from motionfit.report import collect
from motionfit.report.collect import EvaluationResult, Results
from motionfit.report.kinds import KINDS, MOTION, PRE_TRAINED, RANDOM, SELF_TRAINED

Score = Callable[[EvaluationResult], float]

MAX_FEATURED = 8
"""A run of up to this many evaluations features all of them with detailed plots and clips. A larger
run features only those of the headlines."""


class Run:
    """What the result files of a run hold, except its tables, figures, benchmarks and shards, and
    the units of its pseudo-labels, which take much memory.

    The files are read before anything is drawn, so that a missing one is noticed early. Raises
    MotionFitError naming the first missing file.
    """

    def __init__(self, config: Config, results: Path):
        self.config = config
        self.graph = Graph(config)
        self.results = Results(self.graph, results)
        self.needed = needed_by_evaluations(config)
        """What the evaluations are made from."""
        self.indices = {
            name: read_index(self.results.file(self.graph.index(name)))
            for name in self.needed.datasets
        }
        """The index of each data set that the evaluations use."""
        self.datasets = [
            collect.read_dataset(self.results, self.needed, name, index)
            for name, index in self.indices.items()
        ]
        evaluations = [
            collect.read_evaluation(self.results, name, self.indices) for name in config.evaluations
        ]
        self.evaluations = sorted(evaluations, key=lambda e: list(KINDS).index(e.kind))
        recognising = [e for e in self.evaluations if e.recognises]
        self.compared = compared_evaluations(recognising, top1)
        """One or two networks that the top of the page compares. Empty if no evaluation measures
        recognition."""
        self.headlines = headline_evaluations(self.compared, recognising)
        """The evaluations whose accuracies are at the top of the page."""
        self.abridged = len(evaluations) > MAX_FEATURED
        """Whether some evaluations are not featured."""
        self.featured = self.evaluations
        if self.abridged:
            self.featured = self.headlines or self.evaluations[:MAX_FEATURED]
        featured = {e.name: config.evaluations[e.name] for e in self.featured}
        self.featured_config = config.model_copy(update={"evaluations": featured})
        self.featured_needed = needed_by_evaluations(self.featured_config)
        """What the featured evaluations are made from."""
        self.histories = collect.read_histories(self.results, self.needed)
        self.qualities = {
            name: collect.read_qualities(self.results, name, splits)
            for name, splits in self.needed.splits("pseudo_labels").items()
        }
        """Maps each name of pseudo-labels to their quality in each split."""
        self.predictions = [
            (e, collect.read_predictions(self.results, e.name, e.split))
            for e in self.featured
            if e.recognises
        ]
        by_retrieval = self.compared
        if not self.compared or not all(e.retrieves for e in self.compared):
            retrieving = [e for e in self.evaluations if e.retrieves]
            by_retrieval = compared_evaluations(retrieving, first_recall)
        self.neighbours = [(e, collect.read_neighbours(self.results, e)) for e in by_retrieval]
        """The nearest training videos of each query, for the evaluations whose retrieval is
        compared: those compared by recognition, if they all measure retrieval. All of them test on
        one data set."""
        self._learned_nothing: dict[str, list[tuple[int, int]]] = {}

    def groups(self, evaluation: EvaluationResult) -> pd.Series:
        """The group of each video of the evaluation's data set."""
        return self.indices[evaluation.recipe.dataset].set_index("video")["group"]

    def learned_nothing(self, evaluation: EvaluationResult) -> list[tuple[int, int]]:
        """The split and seed of each training of an evaluation that learned nothing, as
        `compare_with_guessing` judges it."""
        if evaluation.name not in self._learned_nothing:
            seeds, splits = range(self.config.seeds), evaluation.recipe.splits
            self._learned_nothing[evaluation.name] = [
                (split, seed)
                for split, seed in product(splits, seeds)
                if self._is_hopeless(evaluation, split, seed)
            ]
        return self._learned_nothing[evaluation.name]

    def _is_hopeless(self, evaluation: EvaluationResult, split: int, seed: int) -> bool:
        name = seed_name(evaluation.name, seed)
        table = collect.read_predictions(self.results, name, split)
        groups = table["video"].map(self.groups(evaluation))
        return compare_with_guessing(table["label"], table["predicted"], groups).hopeless

    def history(self, description: str, name: str) -> collect.TrainingHistory:
        """That of a training: of a `motion model`, an `appearance model` or `fine-tuning`."""
        [found] = [h for h in self.histories if (h.description, h.name) == (description, name)]
        return found


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


def headline_evaluations(
    compared: list[EvaluationResult], recognising: Sequence[EvaluationResult]
) -> list[EvaluationResult]:
    """The compared evaluations, then the best network with pre-trained weights and the best motion
    model on the same data set."""
    if not compared:
        return []
    first = compared[0]
    same_dataset = [e for e in recognising if e.recipe.dataset == first.recipe.dataset]
    kinds = [kind for kind in (PRE_TRAINED, MOTION) if kind != first.kind]
    best_of_kinds = [best(same_dataset, kind, top1) for kind in kinds]
    return [*compared, *filter(None, best_of_kinds)]
