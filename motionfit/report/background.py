"""Classes and recordings that a still frame tells as well as a clip: by a background, a prop or a
pose."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from motionfit.judgement import LEVEL, SHUFFLES, knows_its_training_videos, shuffled_labels
from motionfit.report.collect import EvaluationResult
from motionfit.report.kinds import MOTION, STILL
from motionfit.report.run import Run, top1
from motionfit.report.verdicts import answers, paired_answers


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
    training_accuracy: float
    """That of the network of one still frame in its last epoch, mean over the splits of the first
    seed."""
    classes: list[Told]
    recordings: list[Told]
    has_recordings: bool
    """Whether some videos share a recording."""

    @property
    def has_learned_enough(self) -> bool:
        """Whether the network of one still frame has learned enough to say what a frame tells."""
        return knows_its_training_videos(self.training_accuracy, 1 / self.still.classes)

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
            "clip. Look whether a background or a prop gives them away. If so, film all classes in "
            "the same places, or leave these videos out."
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
    paired = paired_answers(answers(run, still), answers(run, clips))
    videos = run.indices[still.recipe.dataset].set_index("video")
    videos = videos.loc[paired["video"].unique(), ["label", "group"]]
    groups, history = run.groups(still), run.history("fine-tuning", still.name)
    return Background(
        still,
        clips,
        np.mean([table["train_accuracy"].iloc[-1] for table in history.splits.values()]),
        *told(paired, videos),
        has_recordings=groups.nunique() < len(groups),
    )


def told(paired: pd.DataFrame, videos: pd.DataFrame) -> tuple[list[Told], list[Told]]:
    """The classes and the recordings that the still frame tells, the surest first.

    It tells one if it is right on its videos more often than the same answers beside shuffled
    labels, at one-sided 2.5%, and not less often than the clips are. Labels are shuffled as
    `compare_with_guessing` says: the videos of a recording are alike, so those that share a label
    keep one together. So nothing is said of a recording of a single class.

    `paired` has the columns of `paired_answers`. `videos` has the true `label` and the `group` of
    each video, by its id.
    """
    codes, classes = pd.factorize(videos["label"])
    groups, recordings = pd.factorize(videos["group"])
    video = videos.index.get_indexer(paired["video"])
    predicted = classes.get_indexer(paired["predicted_first"])
    per_video = np.bincount(video, minlength=len(videos))

    def rights(labels: np.ndarray, of: np.ndarray, count: int) -> np.ndarray:
        """The share of right answers of the still frame in each of `count` sets of videos."""
        right = np.bincount(video, predicted == labels[video], minlength=len(videos)) / per_video
        return np.bincount(of, right, count) / np.maximum(np.bincount(of, minlength=count), 1)

    observed = [rights(codes, codes, len(classes)), rights(codes, groups, len(recordings))]
    reached = [np.zeros(len(found)) for found in observed]
    for labels in shuffled_labels(codes, videos["group"]):
        by_class = rights(labels, labels, len(classes))
        by_recording = rights(labels, groups, len(recordings))
        reached[0] += by_class >= observed[0] - 1e-9
        reached[1] += by_recording >= observed[1] - 1e-9
    found = []
    for names, of, shares, times in zip(
        (classes, recordings), (codes, groups), observed, reached, strict=True
    ):
        clips = paired["right_second"].groupby(of[video]).mean()
        told = [
            Told(str(names[i]), int((of == i).sum()), float(shares[i]), float(clips[i]))
            for i in range(len(names))
            if shares[i] >= clips[i] and (1 + times[i]) / (1 + SHUFFLES) <= LEVEL
        ]
        found.append(sorted(told, key=lambda item: (-item.still, item.name)))
    return tuple(found)
