"""Comparisons of two evaluations: the difference, and how often the interval contains the truth."""

import numpy as np
import pandas as pd
import pytest

from motionfit.evaluation.comparison import compare

SETS = {
    "folds, and trainings that differ": {"groups": 22, "splits": 4, "seeds": 2, "training": 0.08},
    "folds, and trainings alike": {"groups": 22, "splits": 4, "seeds": 2, "training": 0.0},
    "three splits, and trainings that differ": {
        "groups": 24,
        "splits": 3,
        "seeds": 2,
        "training": 0.08,
    },
    "one split, and trainings that differ": {
        "groups": 24,
        "splits": 1,
        "seeds": 4,
        "training": 0.08,
    },
    "one split and one seed": {"groups": 24, "splits": 1, "seeds": 1, "training": 0.0},
}


def answers(
    random: np.random.Generator,
    groups: int,
    splits: int,
    seeds: int,
    training: float,
    gain: float = 0.1,
    between_groups: float = 0.1,
) -> pd.DataFrame:
    """Differences between two made-up evaluations of about 10 videos per group. Their expected
    difference is `gain`, which groups, and trainings, shift at random."""
    of_group = random.normal(0, between_groups, groups)
    of_training = random.normal(0, training, (splits, seeds))
    parts = []
    for group in range(groups):
        videos = [f"{group}/{video}" for video in range(random.integers(5, 16))]
        split = group % splits
        for seed in range(seeds):
            shift = gain + of_group[group] + of_training[split, seed]
            difference = random.choice(
                [1, -1, 0], len(videos), p=[(0.9 + shift) / 2, (0.9 - shift) / 2, 0.1]
            )
            rows = {"video": videos, "difference": difference}
            parts.append(pd.DataFrame(rows).assign(group=group, split=split, seed=seed))
    return pd.concat(parts)


def test_the_difference_is_the_mean_over_videos_splits_and_seeds():
    rows = pd.DataFrame(
        [(f"v{i}", f"g{i}", 1 + i % 2, seed, i % 3 - 1) for i in range(12) for seed in range(2)],
        columns=["video", "group", "split", "seed", "difference"],
    )
    result = compare(rows)
    assert result.difference == pytest.approx(rows["difference"].mean())
    assert result.low < 0 < result.high
    assert result.verdict == 0
    assert (result.groups, result.videos, result.splits, result.seeds) == (12, 12, 2, 2)


def test_a_clear_gain_is_a_gain_and_reversed_a_loss():
    rows = answers(np.random.default_rng(0), **SETS["folds, and trainings that differ"], gain=0.3)
    gain = compare(rows)
    loss = compare(rows.assign(difference=-rows["difference"]))
    assert (gain.low > 0, gain.verdict) == (True, 1)
    assert (loss.high < 0, loss.verdict) == (True, -1)
    assert gain.low == pytest.approx(-loss.high, abs=0.02)


def test_with_few_groups_there_is_no_interval_and_no_verdict():
    rows = answers(np.random.default_rng(0), groups=5, splits=1, seeds=2, training=0.0, gain=0.4)
    result = compare(rows)
    assert np.isnan([result.low, result.high]).all()
    assert result.verdict == 0


@pytest.mark.parametrize("discordant", [1, 2, 3])
def test_few_groups_that_differ_give_a_finite_interval(discordant):
    rows = answers(np.random.default_rng(0), groups=20, splits=1, seeds=2, training=0.0)
    rows["difference"] = (rows["group"] < discordant).astype(int)
    result = compare(rows)
    assert -1 <= result.low <= result.difference <= result.high <= 1


@pytest.mark.parametrize("agreed", [1, 0, -1])
def test_groups_that_all_agree_leave_room_for_others(agreed):
    rows = answers(np.random.default_rng(0), groups=12, splits=1, seeds=4, training=0.0)
    result = compare(rows.assign(difference=agreed))
    assert result.verdict == agreed
    others = 1 - 0.025 ** (1 / 12)  # 27% of other groups could be there, and show none of 12
    assert result.low == pytest.approx(agreed - others * (agreed + 1))
    assert result.high == pytest.approx(agreed + others * (1 - agreed))


@pytest.mark.parametrize(("splits", "seeds"), [(4, 1), (1, 3), (2, 2)])
def test_few_trainings_give_an_interval_but_no_verdict(splits, seeds):
    rows = answers(np.random.default_rng(0), 24, splits, seeds, training=0.0, gain=0.5)
    result = compare(rows)
    assert result.low > 0
    assert result.verdict == 0


def test_videos_of_one_group_do_not_count_as_many():
    """Six recordings of the same kind, each shown a hundred times, say as much as shown once."""
    once = pd.DataFrame(
        {"video": range(12), "group": range(12), "split": 1, "seed": 0, "difference": [1, 0, 0] * 4}
    )
    often = pd.concat([once.assign(video=once["video"] + 100 * i) for i in range(50)])
    assert compare(often).low == pytest.approx(compare(once).low, abs=0.02)


def test_a_test_video_may_be_in_several_splits():
    rows = answers(np.random.default_rng(1), groups=20, splits=1, seeds=1, training=0.0)
    twice = pd.concat([rows, rows.assign(split=2)])
    assert compare(twice).difference == pytest.approx(compare(rows).difference)
    assert compare(twice).low == pytest.approx(compare(rows).low, abs=0.02)


def share_of_hits(monkeypatch, repetitions: int = 1000, **made) -> float:
    """How often the interval contains the true difference, 0.1."""
    monkeypatch.setattr("motionfit.evaluation.comparison.DRAWS", 400)
    random, hits = np.random.default_rng(0), 0
    for _ in range(repetitions):
        result = compare(answers(random, **made))
        hits += result.low <= 0.1 <= result.high
    return hits / repetitions


@pytest.mark.long
@pytest.mark.parametrize("name", SETS)
def test_the_interval_contains_the_truth_in_95_of_100_cases(name, monkeypatch):
    share = share_of_hits(monkeypatch, **SETS[name])
    print(f"{name}: {share:.1%}")
    assert 0.93 <= share <= 0.97


@pytest.mark.long
def test_two_trainings_of_one_split_are_too_few_for_an_interval(monkeypatch):
    """So there is no verdict (`FEWEST_REPEATS`)."""
    share = share_of_hits(monkeypatch, groups=24, splits=1, seeds=2, training=0.08)
    print(f"one split and two seeds: {share:.1%}")
    assert share < 0.92
