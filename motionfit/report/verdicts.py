"""Whether one evaluation beats another on the same test videos, in one sentence each."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from motionfit.config import seed_name
from motionfit.evaluation.comparison import (
    FEWEST_GROUPS,
    FEWEST_REPEATS,
    Comparison,
    compare_answers,
    paired_answers,
)
from motionfit.report.collect import EvaluationResult, read_predictions
from motionfit.report.kinds import KINDS, RANDOM, SELF_TRAINED
from motionfit.report.run import Run, best, top1

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Verdict:
    """Two evaluations and how they compare."""

    first: EvaluationResult
    second: EvaluationResult
    comparison: Comparison
    learned_nothing: tuple[int, int]
    """How many trainings of each, one per split and seed, have learned nothing."""

    @property
    def sentence(self) -> str:
        """Never calls a difference a gain if the interval includes zero. Further sentences count
        the trainings that have learned nothing."""
        trainings = self.comparison.splits * self.comparison.seeds
        return self._difference + "".join(
            f" {of_trainings(count, trainings)} of {evaluation.name} learned nothing."
            for evaluation, count in zip(
                (self.first, self.second), self.learned_nothing, strict=True
            )
            if count
        )

    @property
    def _difference(self) -> str:
        found, dataset = self.comparison, self.first.recipe.dataset
        names = [f"{KINDS[e.kind].row} ({e.name})" for e in (self.first, self.second)]
        points = f"{abs(100 * found.difference):.1f} points"
        if found.verdict:
            beats = "beats" if found.verdict > 0 else "is worse than"
            return (
                f"On {dataset}, the {names[0]} {beats} the {names[1]} by {points} of top-1 "
                f"accuracy ({self._interval}; {self._basis})."
            )
        equal = round(100 * found.difference, 1) == 0
        higher = f"{points} {'higher' if found.difference > 0 else 'lower'} than"
        observed = (
            f"On {dataset}, the top-1 accuracy of the {names[0]} is "
            f"{'the same as' if equal else higher} that of the {names[1]} ({self._basis})"
        )
        if found.groups < FEWEST_GROUPS:
            return (
                f"{observed}. It is too early to say which is better: the test videos are from "
                f"{found.groups} groups, and an interval needs {FEWEST_GROUPS} or more. Use folds, "
                "or test more recordings."
            )
        if not found.enough_trainings:
            return (
                f"{observed}. It is too early to say which is better: the {self._interval} leaves "
                f"out how much another training would differ. Set seeds to {self._seeds_needed} or "
                "more."
            )
        doubt = "Either may be better" if equal else "That may be chance"
        return f"{observed}. {doubt}: the {self._interval} includes zero."

    @property
    def lacking(self) -> str:
        """What would make a verdict possible, if the comparison lacks it. Else empty."""
        found, names = self.comparison, f"{self.first.name} and {self.second.name}"
        if found.groups < FEWEST_GROUPS:
            return f"{names}: use folds, or test more recordings, to learn which one is better."
        if not found.enough_trainings:
            return (
                f"{names}: set seeds to {self._seeds_needed} or more, to learn which one is better."
            )
        return ""

    @property
    def _seeds_needed(self) -> int:
        return 1 + -(-FEWEST_REPEATS // self.comparison.splits)

    @property
    def _interval(self) -> str:
        low, high = 100 * self.comparison.low, 100 * self.comparison.high
        return f"95% interval from {low:+.1f} to {high:+.1f}".replace("-", MINUS)

    @property
    def _basis(self) -> str:
        found = self.comparison
        counts = (
            (found.videos, "test video"),
            (found.groups, "group"),
            (found.splits, "split"),
            (found.seeds, "seed"),
        )
        return ", ".join(f"{n} {unit}{'s' if n > 1 else ''}" for n, unit in counts)


def of_trainings(count: int, trainings: int) -> str:
    """How many of the trainings, as the subject of a sentence."""
    return f"{count} of the {trainings} trainings" if trainings > 1 else "The training"


def verdicts(run: Run) -> list[Verdict]:
    """The comparisons of the config, and of each self-trained network with the best one from random
    weights that has the same labels."""
    by_names = {(first.name, second.name): (first, second) for first, second in pairs(run)}
    return [
        Verdict(
            *pair,
            compare_answers(answers_of_both(run, *pair), run.groups(pair[0])),
            (len(run.learned_nothing(pair[0])), len(run.learned_nothing(pair[1]))),
        )
        for pair in by_names.values()
    ]


def pairs(run: Run) -> Iterator[tuple[EvaluationResult, EvaluationResult]]:
    by_name = {evaluation.name: evaluation for evaluation in run.evaluations}
    recognising = [evaluation for evaluation in run.evaluations if evaluation.recognises]
    for first in recognising:
        if first.kind == SELF_TRAINED and not first.weights:
            alike = [
                e
                for e in recognising
                if (e.recipe.dataset, e.recipe.splits, e.labelled)
                == (first.recipe.dataset, first.recipe.splits, first.labelled)
            ]
            if second := best(alike, RANDOM, top1):
                yield first, second
    for names in run.config.comparisons:
        yield tuple(by_name[name] for name in names)


def answers_of_both(run: Run, first: EvaluationResult, second: EvaluationResult) -> pd.DataFrame:
    """The answers of two evaluations side by side, as `paired_answers` returns them."""
    return paired_answers(answers(run, first), answers(run, second))


def answers(run: Run, evaluation: EvaluationResult) -> pd.DataFrame:
    """The prediction for each test video in each split and seed, and whether it is right: video,
    split, seed, predicted, right."""
    parts = []
    for split in evaluation.recipe.splits:
        for seed in range(run.config.seeds):
            table = read_predictions(run.results, seed_name(evaluation.name, seed), split)
            right = table["label"] == table["predicted"]
            part = table[["video", "predicted"]].assign(split=split, seed=seed, right=right)
            parts.append(part)
    return pd.concat(parts)
