"""Judgements of what each step learned."""

import numpy as np
import pytest

from motionfit.judgement import (
    Motion,
    compare_with_guessing,
    judge_motion_model,
    judge_pseudo_labels,
    judge_recognition,
    judge_self_training,
)

CLASSES = list("abcde")
TRUTH = CLASSES * 10


def partly_right(share: float) -> list[str]:
    """Predictions of TRUTH that are right for a share of the videos, and else the next class."""
    right = np.arange(len(TRUTH)) < share * len(TRUTH)
    following = [CLASSES[(CLASSES.index(label) + 1) % 5] for label in TRUTH]
    return list(np.where(right, TRUTH, following))


def alone(labels):
    """Each video is a group of its own."""
    return list(range(len(labels)))


def judged(labels, predicted, training_accuracy=1.0):
    return judge_recognition("It", labels, predicted, alone(labels), training_accuracy)


@pytest.mark.parametrize(
    ("labels", "predicted", "chance"),
    [
        (TRUTH, TRUTH, 0.2),
        (["a"] * 90 + ["b"] * 10, ["a"] * 100, 0.9),
        (["a"] * 90 + ["b"] * 10, ["a"] * 50 + ["b"] * 50, 0.5),
    ],
)
def test_chance_takes_into_account_what_is_common_and_predicted_often(labels, predicted, chance):
    found = compare_with_guessing(labels, predicted, alone(labels))
    assert found.chance == pytest.approx(chance, abs=0.01)


def test_predictions_of_the_commonest_class_alone_are_guesses():
    judgement = judged(["a"] * 40 + ["b"] * 10, ["a"] * 50)
    assert judgement.hopeless
    assert "80.0% of the 50 test videos of 2 classes; guessing gives 80.0%" in judgement.text
    assert "no better" in judgement.text


@pytest.mark.parametrize(("share", "hopeless"), [(1, False), (0.5, False), (0.2, True), (0, True)])
def test_a_model_is_hopeless_if_it_is_no_better_than_guessing(share, hopeless):
    assert judged(TRUTH, partly_right(share)).hopeless == hopeless


def test_few_test_videos_do_not_make_a_model_hopeless():
    for predicted in (["a", "b", "c", "d"], ["b", "c", "d", "a"]):  # all right, and none
        judgement = judged(["a", "b", "c", "d"], predicted)
        assert not judgement.hopeless
        assert "too few test videos to say" in judgement.text


def frequencies(draw, cases=200):
    """How often models that `draw` draws are called better than guessing, and hopeless."""
    random = np.random.default_rng(1)
    found = [compare_with_guessing(*draw(random)) for _ in range(cases)]
    return np.mean([f.learned for f in found]), np.mean([f.hopeless for f in found])


def ten_classes(right):
    """Draws a model that is right on this share of 54 videos, and guesses the others."""

    def draw(random):
        labels = np.arange(54) % 10
        guesses = random.integers(10, size=54)
        predicted = np.where(random.random(54) < right, labels, guesses)
        return labels, predicted, np.arange(54) // 10

    return draw


def test_guesses_are_called_hopeless_in_19_of_20_cases(monkeypatch):
    monkeypatch.setattr("motionfit.judgement.SHUFFLES", 500)
    learned, hopeless = frequencies(ten_classes(0))
    assert learned <= 0.05
    assert hopeless >= 0.95


def test_a_model_that_learned_is_not_called_hopeless(monkeypatch):
    monkeypatch.setattr("motionfit.judgement.SHUFFLES", 500)
    learned, hopeless = frequencies(ten_classes(0.4))
    assert learned >= 0.95
    assert hopeless == 0


def test_groups_of_one_class_do_not_make_a_guess_look_learned(monkeypatch):
    """The network answers alike for videos of a recording, which all have one class."""
    monkeypatch.setattr("motionfit.judgement.SHUFFLES", 500)

    def draw(random):
        groups = np.arange(80) // 5
        answers = random.integers(4, size=16)[groups]
        predicted = np.where(random.random(80) < 0.9, answers, random.integers(4, size=80))
        return groups % 4, predicted, groups

    learned, _ = frequencies(draw)
    assert learned <= 0.05


def test_the_advice_follows_from_what_was_measured():
    slow = Motion(median=0.1, fast=0.3, clipped=0, size=(48, 85), bound=20)
    fast = Motion(median=1, fast=5, clipped=0.023, size=(48, 85), bound=8)
    # Little of the picture moves, and little of that reaches the bound.
    fine = Motion(median=0.1, fast=3, clipped=0.001, size=(48, 85), bound=20)

    def advice(motion, training_accuracy=1.0):
        predicted, groups = partly_right(0.2), alone(TRUTH)
        return str(judge_motion_model("m", TRUTH, predicted, groups, training_accuracy, motion))

    assert (
        "moves 0.1 pixels per frame in the median, and the fastest 5% of its pixels move 0.3 or "
        "more: try a larger flow.size, or a lower fps"
    ) in advice(slow)
    assert "2.3% of its displacements at the bound of 8 pixels: try a larger flow.bound" in (
        advice(fast)
    )
    assert "flow.size" not in advice(fine)
    assert "flow" not in advice(None)
    assert "knows its training videos (accuracy 100.0%)" in advice(fine)
    assert "does not know its training videos either (accuracy 22.0%" in advice(fine, 0.22)
    assert "nothing to hand over" in advice(fine)


def test_a_model_that_learned_gets_no_advice():
    slow = Motion(median=0.1, fast=0.3, clipped=0, size=(48, 85), bound=20)
    judgement = judge_motion_model("m", TRUTH, partly_right(0.8), alone(TRUTH), 1.0, slow)
    assert judgement.advice == ()


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


def test_pseudo_labels_are_shown_beside_the_known_classes():
    judgement = judge_pseudo_labels("clusters", [3, 4], purity=0.91, chance_purity=0.2)
    assert "their purity is 91.0%, and 20.0% for shuffled classes" in judgement.text


def test_self_training_has_to_beat_the_commonest_pseudo_label():
    assert judge_self_training("appearance", 0.41, 0.4, 100).hopeless
    assert not judge_self_training("appearance", 0.6, 0.4, 100).hopeless
    assert not judge_self_training("appearance", 0.42, 0.4, 10_000).hopeless
