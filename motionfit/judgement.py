"""What a result says of the step that made it: whether it learned, and what to try if it did not.

Each function returns a `Judgement` from figures that the run has anyway. Thresholds are those of a
test at 95%, two-sided: something counts as learned if it is better than guessing by more than
chance explains in 39 of 40 cases.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from motionfit.errors import MotionFitError

log = logging.getLogger(__name__)

CLIPS = 4
"""Clips per video by which a motion model is judged: enough to tell whether it has learned."""
LEVEL = 0.025
SHUFFLES = 10_000
SLOW = 0.5
"""Displacement in pixels per frame below which TV-L1 tells little more than noise."""


@dataclass(frozen=True)
class Judgement:
    """What a step has learned."""

    text: str
    advice: tuple[str, ...] = ()
    """What to try, from what was measured."""
    hopeless: bool = False
    """Whether the steps after it would compute for nothing."""

    def __str__(self) -> str:
        return " ".join([self.text, *self.advice])

    def log(self, stop_when_hopeless: bool = False) -> None:
        """Logs the judgement, as a warning if the step learned nothing. Raises MotionFitError if
        the run has to end then."""
        log.log(logging.WARNING if self.hopeless else logging.INFO, "%s", self)
        if self.hopeless and stop_when_hopeless:
            raise MotionFitError(
                f"{self} The run ends here, since the config has stop_when_hopeless: true"
            )


@dataclass(frozen=True)
class Motion:
    """How far things move in the flow that a network reads."""

    median: float
    """Median length of the displacements, in pixels per frame."""
    at_bound: float
    """Fraction of the displacements that are as long as the stored flow can have them."""
    size: tuple[int, int]
    """Height and width of the flow."""
    bound: float


def chance_of(labels: Sequence[str], predicted: Sequence[str]) -> float:
    """Accuracy that these predictions have on average if they know nothing of the labels. It takes
    into account that some classes have more videos and some are predicted more often."""
    names, truth = np.unique(np.asarray(labels), return_counts=True)
    guesses = np.array([np.count_nonzero(np.asarray(predicted) == name) for name in names])
    return float((truth * guesses).sum() / len(labels) ** 2)


def p_of_guessing(labels: Sequence[str], predicted: Sequence[str]) -> float:
    """How probable it is that predictions that know nothing of the labels are right as often as
    these are: a permutation test, whose null distribution is that of shuffled predictions."""
    truth, guesses = np.asarray(labels), np.asarray(predicted)
    random = np.random.default_rng(0)
    right = np.count_nonzero(truth == guesses)
    shuffled = [np.count_nonzero(truth == random.permutation(guesses)) for _ in range(SHUFFLES)]
    return (1 + np.count_nonzero(np.array(shuffled) >= right)) / (1 + SHUFFLES)


def judge_recognition(
    what: str,
    labels: Sequence[str],
    predicted: Sequence[str],
    training_accuracy: float,
    advice: Sequence[str] = (),
) -> Judgement:
    """Judges a network that knows the classes by its predictions of test videos. `what`: the
    network, as the subject of a sentence. `training_accuracy`: its accuracy in its last epoch."""
    right = float(np.mean(np.asarray(labels) == np.asarray(predicted)))
    chance = chance_of(labels, predicted)
    found = (
        f"{what} is right on {right:.1%} of the {len(labels)} test videos of {len(set(labels))} "
        f"classes; guessing gives {chance:.1%}"
    )
    if p_of_guessing(labels, predicted) <= LEVEL:
        return Judgement(f"{found}.")
    if training_accuracy < 0.5 * (1 + chance):
        cause = (
            f"It does not know its training videos either (accuracy {training_accuracy:.1%} in the "
            "last epoch): train longer (epochs or steps), or with another learning_rate."
        )
    else:
        cause = (
            f"It knows its training videos (accuracy {training_accuracy:.1%}), but not what they "
            "share with others: label more recordings, or use augmentation."
        )
    return Judgement(f"{found}, which is no better.", (*advice, cause), hopeless=True)


def judge_motion_model(
    name: str,
    labels: Sequence[str],
    predicted: Sequence[str],
    training_accuracy: float,
    motion: Motion | None,
) -> Judgement:
    """Judges a motion model. `motion`: of the flow that it reads; None if it reads RGB."""
    judgement = judge_recognition(
        f"The motion model {name}", labels, predicted, training_accuracy, advice_of_flow(motion)
    )
    if not judgement.hopeless:
        return judgement
    text = f"{judgement.text} There is nothing to hand over to an appearance model."
    return Judgement(text, judgement.advice, hopeless=True)


def advice_of_flow(motion: Motion | None) -> tuple[str, ...]:
    """What to change in the flow, if its displacements are too short or too long."""
    if motion is None:
        return ()
    at = f"Flow at {motion.size[0]}x{motion.size[1]}"
    if motion.at_bound > 0.05:
        return (
            f"{at} has {motion.at_bound:.0%} of its displacements at the bound of {motion.bound:g} "
            "pixels: try a larger flow.bound, or a smaller flow.size.",
        )
    if motion.median < SLOW:
        return (
            f"{at} moves {motion.median:.2g} pixels per frame in the median: try a larger "
            "flow.size, or a lower fps of the data set.",
        )
    return ()


def judge_pseudo_labels(name: str, sizes: Sequence[int], stability: float | None) -> Judgement:
    """Judges clusters by their sizes, in clips, segments or videos. `stability`: adjusted mutual
    information between clusterings from two seeds."""
    sizes = np.asarray(sizes)
    largest = float(sizes.max() / sizes.sum())
    text = f"The largest of the {len(sizes)} clusters of {name} has {largest:.1%} of the source"
    if stability is not None:
        text += f"; another seed gives clusters that agree by {stability:.2f} (1: the same)"
    if largest >= 0.5 and len(sizes) > 2:
        advice = (
            "Half of the source looks the same to the motion model: use normalise: true, more "
            "clusters, or a motion model that recognises more."
        )
        return Judgement(f"{text}.", (advice,), hopeless=True)
    if stability is not None and stability < 0.5:
        advice = (
            "The clusters depend on the seed more than on the features: use fewer clusters, or "
            "more restarts."
        )
        return Judgement(f"{text}.", (advice,))
    return Judgement(f"{text}.")


def judge_self_training(name: str, accuracy: float, sizes: Sequence[int]) -> Judgement:
    """Judges an appearance model by its accuracy on pseudo-labels, whose clusters have these
    sizes."""
    commonest = float(np.max(sizes) / np.sum(sizes))
    error = (commonest * (1 - commonest) / np.sum(sizes)) ** 0.5
    text = (
        f"{name} predicts {accuracy:.1%} of its pseudo-labels; the commonest one has "
        f"{commonest:.1%}"
    )
    if accuracy > commonest + 1.96 * error:
        return Judgement(f"{text}.")
    advice = (
        "It has learned nothing that the commonest pseudo-label does not give: train longer "
        "(epochs or steps), or with another learning_rate; or set balanced: true."
    )
    return Judgement(f"{text}.", (advice,), hopeless=True)
