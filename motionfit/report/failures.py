"""Test videos that the best RGB network gets wrong, as clips that the page plays."""

from dataclasses import dataclass

from motionfit.report.collect import EvaluationResult
from motionfit.report.exhibits import Clip, evaluated_clips
from motionfit.report.pictures import spread_over
from motionfit.report.run import Run

SHOWN = 16


@dataclass(frozen=True)
class Failure:
    """A test video whose class was not recognised."""

    clip: Clip
    """The middle of the video."""
    predicted: str
    probability: float
    """Of the predicted class."""
    true_probability: float
    """Of the true class."""


@dataclass(frozen=True)
class Failures:
    """Some failures of an evaluation, of as many classes as possible."""

    evaluation: EvaluationResult
    wrong: int
    """Number of videos of the split that it got wrong."""
    videos: int
    shown: list[Failure]


def failures(run: Run) -> Failures | None:
    """Of the best self-trained network or, if there is none, of the first evaluation. None if no
    evaluation measures recognition."""
    found = {evaluation.name: (evaluation, table) for evaluation, table in run.predictions}
    if not run.compared:
        return None
    evaluation, table = found[run.compared[0].name]
    wrong = table[table["label"] != table["predicted"]].reset_index(drop=True)
    recipe = evaluation.recipe
    reader = evaluated_clips(run, recipe)
    shown = []
    for row in spread_over(wrong, "label", SHOWN).to_dict("records"):
        start = max(0, (reader.length(row["video"]) - recipe.clip_length) // 2)
        if clip := reader.clip(row["video"], start, recipe.clip_length):
            probabilities = [row[f"p({row[name]})"] for name in ("predicted", "label")]
            shown.append(Failure(clip, row["predicted"], *map(float, probabilities)))
    return Failures(evaluation, len(wrong), len(table), shown)
