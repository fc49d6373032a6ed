"""Classes and recordings that a single still frame tells as well as a clip, as backgrounds do."""

from dataclasses import dataclass

import pandas as pd
from scipy.stats import binomtest

from motionfit.judgement import LEVEL
from motionfit.report.collect import EvaluationResult
from motionfit.report.kinds import MOTION, STILL
from motionfit.report.run import Run, top1
from motionfit.report.verdicts import answers, groups_of, paired_answers


@dataclass(frozen=True)
class Told:
    """A class or a recording that is told from a still frame."""

    name: str
    videos: int
    """Number of its test videos."""
    still: float
    """Share of them that the network of one still frame recognises."""
    clips: float
    """Share of them that the network of clips recognises."""


@dataclass(frozen=True)
class Background:
    """What a network of one still frame knows of a data set."""

    still: EvaluationResult
    clips: EvaluationResult
    """The best RGB network on clips, with the same labels."""
    classes: list[Told]
    recordings: list[Told]
    has_recordings: bool
    """Whether some videos share a recording."""

    @property
    def sentence(self) -> str:
        """What to try, or '' if motion is needed everywhere."""
        told = [
            f"{name} {', '.join(item.name for item in items[:3])}"
            + (f" and {len(items) - 3} more" if len(items) > 3 else "")
            for name, items in (("class", self.classes), ("recording", self.recordings))
            if items
        ]
        if not told:
            return ""
        return (
            f"{self.still.recipe.dataset}: one still frame tells {'; '.join(told)} as well as a "
            "clip. Look whether the background or a prop gives them away, and film each class in "
            "the same places, or remove them."
        )


def backgrounds(run: Run) -> list[Background]:
    """What each evaluation of still frames tells, in the order of the report."""
    recognising = [e for e in run.evaluations if e.recognises]
    found = []
    for still in recognising:
        if still.kind != STILL:
            continue
        alike = [
            e
            for e in recognising
            if e.kind not in (STILL, MOTION)
            and (e.recipe.dataset, e.recipe.splits, e.labelled)
            == (still.recipe.dataset, still.recipe.splits, still.labelled)
        ]
        if clips := max(alike, key=top1, default=None):
            found.append(background(run, still, clips))
    return found


def background(run: Run, still: EvaluationResult, clips: EvaluationResult) -> Background:
    of_still = answers(run, still)
    guessed = of_still["predicted"].value_counts(normalize=True)
    paired = paired_answers(of_still, answers(run, clips))
    labels = run.indices[still.recipe.dataset].set_index("video")["label"]
    label = paired["video"].map(labels)
    paired = paired.assign(guess=label.map(guessed).fillna(0))
    groups = groups_of(run, still)
    has_recordings = groups.nunique() < len(groups)
    recordings = told(paired, paired["video"].map(groups)) if has_recordings else []
    return Background(still, clips, told(paired, label), recordings, has_recordings)


def told(paired: pd.DataFrame, names: pd.Series) -> list[Told]:
    """The classes or recordings that the still frame tells, the surest first.

    It tells one if it is right on its videos more often than a network that gives the same answers
    without looking, in a binomial test at one-sided 2.5%, and not less often than the clips are.
    `paired` has the columns of `paired_answers` and `guess`, how often such a network is right.
    """
    found = []
    for name, rows in paired.groupby(names):
        videos = rows["video"].nunique()
        still, clips = rows["right_first"].mean(), rows["right_second"].mean()
        # Seeds see the same videos, so they do not count as more of them.
        right = round(still * videos)
        chance = binomtest(right, videos, min(1.0, rows["guess"].mean()), "greater").pvalue
        if still >= clips and chance < LEVEL:
            found.append(Told(str(name), videos, float(still), float(clips)))
    return sorted(found, key=lambda item: (-item.still, item.name))
