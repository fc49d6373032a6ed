"""Judgements of what each step learned."""

import numpy as np
import pytest

from motionfit.judgement import (
    Motion,
    chance_of,
    judge_motion_model,
    judge_pseudo_labels,
    judge_recognition,
    judge_self_training,
    p_of_guessing,
)

CLASSES = list("abcde")
TRUTH = CLASSES * 10


def partly_right(share: float) -> list[str]:
    """Predictions of TRUTH that are right for a share of the videos, and else the next class."""
    right = np.arange(len(TRUTH)) < share * len(TRUTH)
    following = [CLASSES[(CLASSES.index(label) + 1) % 5] for label in TRUTH]
    return list(np.where(right, TRUTH, following))


def test_chance_takes_into_account_what_is_common_and_predicted_often():
    assert chance_of(TRUTH, TRUTH) == pytest.approx(0.2)
    assert chance_of(["a"] * 9 + ["b"], ["a"] * 10) == pytest.approx(0.9)
    assert chance_of(["a"] * 9 + ["b"], ["a"] * 5 + ["b"] * 5) == pytest.approx(0.5)


def test_predictions_of_the_commonest_class_alone_are_guesses():
    assert p_of_guessing(["a"] * 40 + ["b"] * 10, ["a"] * 50) == 1
    judgement = judge_recognition("It", ["a"] * 40 + ["b"] * 10, ["a"] * 50, 0.8)
    assert judgement.hopeless
    assert "80.0% of the 50 test videos of 2 classes; guessing gives 80.0%" in judgement.text


@pytest.mark.parametrize(("share", "hopeless"), [(1, False), (0.5, False), (0.2, True), (0, True)])
def test_a_model_is_hopeless_if_it_is_no_better_than_guessing(share, hopeless):
    assert judge_recognition("It", TRUTH, partly_right(share), 1.0).hopeless == hopeless


def test_guesses_are_called_hopeless_in_39_of_40_cases():
    random = np.random.default_rng(1)
    hopeless = [
        judge_recognition("It", TRUTH, list(random.permutation(TRUTH)), 1.0).hopeless
        for _ in range(200)
    ]
    assert 0.95 <= np.mean(hopeless) < 1


def test_the_advice_follows_from_what_was_measured():
    slow = Motion(median=0.3, at_bound=0.0, size=(48, 85), bound=20)
    fast = Motion(median=3, at_bound=0.2, size=(48, 85), bound=8)
    fine = Motion(median=3, at_bound=0.0, size=(48, 85), bound=20)

    def advice(motion, training_accuracy=1.0):
        return str(judge_motion_model("m", TRUTH, partly_right(0.2), training_accuracy, motion))

    assert "moves 0.3 pixels per frame in the median: try a larger flow.size, or a lower" in (
        advice(slow)
    )
    assert "20% of its displacements at the bound of 8 pixels: try a larger flow.bound" in (
        advice(fast)
    )
    assert "flow.size" not in advice(fine)
    assert "flow" not in advice(None)
    assert "knows its training videos (accuracy 100.0%)" in advice(fine)
    assert "does not know its training videos either (accuracy 22.0%" in advice(fine, 0.22)
    assert "nothing to hand over" in advice(fine)


def test_a_model_that_learned_gets_no_advice():
    slow = Motion(median=0.3, at_bound=0.0, size=(48, 85), bound=20)
    assert judge_motion_model("m", TRUTH, partly_right(0.8), 1.0, slow).advice == ()


@pytest.mark.parametrize(
    ("sizes", "stability", "hopeless", "advice"),
    [
        ([50, 20, 30], 0.9, True, "looks the same to the motion model"),
        ([30, 40, 30], 0.3, False, "depend on the seed"),
        ([30, 40, 30], 0.9, False, ""),
        ([30, 40, 30], None, False, ""),
    ],
)
def test_pseudo_labels(sizes, stability, hopeless, advice):
    judgement = judge_pseudo_labels("clusters", sizes, stability)
    assert judgement.hopeless == hopeless
    assert advice in str(judgement)
    assert bool(judgement.advice) == bool(advice)


def test_self_training_has_to_beat_the_commonest_pseudo_label():
    assert judge_self_training("appearance", 0.41, [40, 30, 30]).hopeless
    assert not judge_self_training("appearance", 0.6, [40, 30, 30]).hopeless
    assert not judge_self_training("appearance", 0.42, [4000, 3000, 3000]).hopeless
