"""What a result says of the step that made it: whether it learned, and what to try if it did not.

Each function returns a `Judgement` from figures that the run has anyway. A network counts as one
that learned if it is better than guessing by more than chance explains in 39 of 40 cases. It counts
as one that learned nothing only if the test videos exclude that it is of use. Between the two,
there are too few test videos to say.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from motionfit.errors import MotionFitError

log = logging.getLogger(__name__)

CLIPS = 4
"""Clips per video by which a motion model is judged: enough to tell whether it has learned."""
LEVEL = 0.025
"""One-sided: of a test at 95%, two-sided."""
ERRORS = NormalDist().inv_cdf(1 - LEVEL)
"""The same level as a number of standard errors: 1.96."""
SHUFFLES = 2000
OF_USE = 0.2
"""Smallest part of the way from guessing to knowing every video (Cohen's kappa) that a network may
have come and still be worth handing over. Below it, Landis and Koch (1977) call an agreement
"slight"."""
FAST = 0.95
"""Quantile of the lengths of displacements by which motion is measured. With a static camera the
median is that of the background, which does not move."""
SLOW = 0.5
"""Displacement in pixels per frame below which flow is mostly noise: three times the mean error of
TV-L1 on a pair of frames whose flow is known (0.16 pixels, `benchmarks/flow.py`)."""
CLIPPED = 0.01
"""Fraction of all displacements at the bound above which the advice is to raise it. Where a
twentieth of the picture moves, this is a fifth of what moves. `motionfit init` chooses the bound so
that a tenth of this fraction reaches it."""
UNSTABLE = 0.5
"""Agreement between the clusters of two seeds below which the seed decides more than the features.
0 is the agreement of clusters made at random."""


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
    fast: float
    """Quantile `FAST` of the lengths, in pixels per frame."""
    clipped: float
    """Fraction of the displacements that have a component at the bound, and so may be longer."""
    size: tuple[int, int]
    """Height and width of the flow."""
    bound: float
    """Largest displacement that the stored flow can have, in pixels per frame."""


@dataclass(frozen=True)
class BesideGuessing:
    """Predictions beside those of a network that guesses."""

    right: float
    """Fraction of the videos on which the predictions are right."""
    chance: float
    """The same on average if they knew nothing of the labels."""
    learned: bool
    """Whether they are better than guessing."""
    hopeless: bool
    """Whether they are not, and the videos exclude that the network is of use (`OF_USE`)."""


def compare_with_guessing(
    labels: Sequence[str], predicted: Sequence[str], groups: Sequence[str]
) -> BesideGuessing:
    """Compares predictions with guesses by a permutation test.

    The null distribution is that of the same predictions beside shuffled labels, so it takes into
    account that some classes are more common, and some are predicted more often. The videos of a
    group are alike, and a network may answer the same for all that share a label. So these videos
    get a label together: shuffled among the labels of their group or, if all its videos have the
    same label, among the groups of which this is true as well.
    """
    truth, classes = pd.factorize(np.asarray(labels, object))
    guesses = pd.Index(classes).get_indexer(list(predicted))  # -1: a class that no video has
    rights, perfect = np.empty(SHUFFLES), 0
    for i, shuffled in enumerate(shuffled_labels(truth, groups)):
        rights[i] = (shuffled == guesses).mean()
        perfect += (shuffled == truth).all()
    right, chance, spread = float((guesses == truth).mean()), rights.mean(), rights.std()
    p = (1 + np.count_nonzero(rights >= right - 1e-9)) / (1 + SHUFFLES)
    learned = bool(p <= LEVEL)
    known = 1 - chance
    most = (right - chance + ERRORS * spread) / known if known > 0 else 1.0
    # With very few videos, not even a network that knows all of them can be told from guessing.
    hopeless = bool(not learned and perfect / SHUFFLES <= LEVEL and most < OF_USE)
    return BesideGuessing(right, float(chance), learned, hopeless)


def shuffled_labels(labels: np.ndarray, groups: Sequence[str]) -> Iterator[np.ndarray]:
    """(N,) labels of N videos, shuffled as `compare_with_guessing` says, `SHUFFLES` times."""
    table = pd.DataFrame({"group": pd.factorize(np.asarray(groups))[0], "label": labels})
    alike = table.groupby(["group", "label"], sort=False)
    part, parts = alike.ngroup().to_numpy(), alike.size().reset_index()
    alone = parts["group"].map(parts["group"].value_counts()) == 1
    among = parts["group"].where(~alone, -1).to_numpy()
    places, values = np.argsort(among, kind="stable"), parts["label"].to_numpy()
    random = np.random.default_rng(0)
    for _ in range(SHUFFLES):
        of_part = np.empty_like(values)
        of_part[places] = values[np.lexsort((random.random(len(parts)), among))]
        yield of_part[part]


def judge_recognition(
    what: str,
    labels: Sequence[str],
    predicted: Sequence[str],
    groups: Sequence[str],
    training_accuracy: float,
    advice: Sequence[str] = (),
) -> Judgement:
    """Judges a network that knows the classes by its predictions of test videos. `what`: the
    network, as the subject of a sentence. `training_accuracy`: its accuracy in its last epoch."""
    found = compare_with_guessing(labels, predicted, groups)
    text = (
        f"{what} is right on {found.right:.1%} of the {len(labels)} test videos of "
        f"{len(set(labels))} classes; guessing gives {found.chance:.1%}"
    )
    if found.learned:
        return Judgement(f"{text}.")
    if not knows_its_training_videos(training_accuracy, found.chance):
        cause = (
            f"It does not know its training videos either (accuracy {training_accuracy:.1%} in the "
            "last epoch): train longer (epochs or steps), or with another learning_rate."
        )
    else:
        cause = (
            f"It knows its training videos (accuracy {training_accuracy:.1%}), but not what they "
            "share with others: label more recordings, or use augmentation."
        )
    if found.hopeless:
        return Judgement(f"{text}, which is no better.", (*advice, cause), hopeless=True)
    few = "These are too few test videos to say whether it is better than guessing."
    return Judgement(f"{text}. {few}", (*advice, cause))


def knows_its_training_videos(training_accuracy: float, chance: float) -> bool:
    """Whether a network has come half of the way from guessing to knowing each of them."""
    return training_accuracy >= 0.5 * (1 + chance)


def judge_motion_model(
    name: str,
    labels: Sequence[str],
    predicted: Sequence[str],
    groups: Sequence[str],
    training_accuracy: float,
    motion: Motion | None,
) -> Judgement:
    """Judges a motion model. `motion`: of the flow that it reads; None if it reads RGB."""
    advice = advice_of_flow(motion)
    what = f"The motion model {name}"
    judgement = judge_recognition(what, labels, predicted, groups, training_accuracy, advice)
    if not judgement.hopeless:
        return judgement
    text = f"{judgement.text} There is nothing to hand over to an appearance model."
    return Judgement(text, judgement.advice, hopeless=True)


def advice_of_flow(motion: Motion | None) -> tuple[str, ...]:
    """What to change in the flow, if its displacements are too short or too long."""
    if motion is None:
        return ()
    at, share = f"Flow at {motion.size[0]}x{motion.size[1]}", f"{1 - FAST:.0%}"
    if motion.clipped > CLIPPED:
        return (
            f"{at} has {motion.clipped:.1%} of its displacements at the bound of {motion.bound:g} "
            "pixels: try a larger flow.bound, or a smaller flow.size.",
        )
    if motion.fast < SLOW:
        return (
            f"{at} moves {motion.median:.2g} pixels per frame in the median, and the fastest "
            f"{share} of its pixels move {motion.fast:.2g} or more: try a larger flow.size, or a "
            "lower fps of the data set.",
        )
    return ()


def judge_pseudo_labels(
    name: str,
    sizes: Sequence[int],
    stability: float | None = None,
    purity: float | None = None,
    chance_purity: float | None = None,
) -> Judgement:
    """Judges clusters by their sizes, in clips, segments or videos, and by what else is known.

    `stability`: adjusted mutual information with the clusters of another seed. `purity`: the share
    of units with the most common known class of their cluster. `chance_purity`: the same with
    shuffled classes.
    """
    sizes = np.asarray(sizes)
    largest = float(sizes.max() / sizes.sum())
    text = f"The largest of the {len(sizes)} clusters of {name} has {largest:.1%} of the source"
    if stability is not None:
        text += (
            f"; another seed gives clusters that agree by {stability:.2f} (1: the same, 0: by "
            "chance)"
        )
    if purity is not None:
        text += f"; their purity is {purity:.1%}, and {chance_purity:.1%} for shuffled classes"
    if largest >= 0.5 and len(sizes) > 2:
        advice = (
            "Half of the source looks the same to the motion model: use normalise: true, more "
            "clusters, or a motion model that recognises more."
        )
        return Judgement(f"{text}.", (advice,), hopeless=True)
    if stability is not None and stability < UNSTABLE:
        advice = (
            "The clusters depend on the seed more than on the features: use fewer clusters, or "
            "more restarts."
        )
        return Judgement(f"{text}.", (advice,))
    return Judgement(f"{text}.")


def judge_self_training(name: str, accuracy: float, commonest: float, clips: int) -> Judgement:
    """Judges an appearance model by its accuracy on pseudo-labels. `commonest`: the share of its
    training clips that have the commonest one. `clips`: number of training clips of an epoch."""
    error = (commonest * (1 - commonest) / clips) ** 0.5
    text = (
        f"{name} predicts {accuracy:.1%} of its pseudo-labels; the commonest one has "
        f"{commonest:.1%} of the clips"
    )
    if accuracy > commonest + ERRORS * error:
        return Judgement(f"{text}.")
    advice = (
        "It has learned nothing that the commonest pseudo-label does not give: train longer "
        "(epochs or steps), or with another learning_rate; or set balanced: true."
    )
    return Judgement(f"{text}.", (advice,), hopeless=True)
