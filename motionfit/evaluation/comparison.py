"""Whether one evaluation is better than another, from both answers to the same test videos."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

FEWEST_GROUPS = 6
"""With fewer groups, a two-sided sign test never reaches 5%, even if all groups agree."""
FEWEST_REPEATS = 3
"""Trainings beyond the first of each split, over all splits. With fewer, too little is known of how
much trainings differ: with two seeds of a single split, intervals contain the truth in 89% of
simulated cases (`tests/evaluation/test_comparison.py`)."""
LEVEL = 0.95
DRAWS = 4000
TINY = 1e-9
"""A standard error below this is zero but for rounding."""


@dataclass(frozen=True)
class Comparison:
    """The difference in top-1 accuracy between two evaluations of the same videos."""

    difference: float
    """Mean over videos, splits and seeds, as a fraction: 0.1 is ten points."""
    low: float
    """Lower bound of the confidence interval; NaN if there are too few groups for one."""
    high: float
    groups: int
    videos: int
    splits: int
    seeds: int

    @property
    def enough_trainings(self) -> bool:
        """Whether the interval knows how much another training would differ."""
        return self.splits * (self.seeds - 1) >= FEWEST_REPEATS

    @property
    def verdict(self) -> int:
        """1 if the first evaluation is better, -1 if it is worse, 0 if that is not known: if the
        interval includes zero, if there is none, or if there are too few trainings."""
        if not self.enough_trainings:
            return 0
        if self.low > 0:
            return 1
        return -1 if self.high < 0 else 0


def paired_answers(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """The answers of two evaluations to the test videos that both have, side by side.

    Each has one row per test video, split and seed: `video`, `split`, `seed`, and `right`, whether
    the prediction is right. In the result these are `right_first` and `right_second`.
    """
    return first.merge(second, on=["video", "split", "seed"], suffixes=("_first", "_second"))


def compare_answers(paired: pd.DataFrame, groups: pd.Series) -> Comparison:
    """Compares two evaluations by `paired_answers`. `groups`: the group of each video; a video that
    it lacks is a group of its own."""
    difference = paired["right_first"].astype(int) - paired["right_second"].astype(int)
    group = paired["video"].map(groups).fillna(paired["video"])
    return compare(paired.assign(difference=difference, group=group))


def compare(differences: pd.DataFrame) -> Comparison:
    """Compares two evaluations by a paired bootstrap over groups and over seeds.

    `differences` has one row per test video, split and seed, with the columns `video`, `group`,
    `split`, `seed` and `difference`: 1 if only the first evaluation is right, -1 if only the second
    one is, else 0. Each split has the same seeds.

    Videos of a group resemble each other, so whole groups are drawn, with replacement. All videos
    of a split and seed are tested by the same two networks, whose luck in training they share. So
    for each split seeds are drawn as well. The interval is studentised (bootstrap-t; Efron and
    Tibshirani 1993, chapter 12): with as few groups as small sets have, plain percentiles are too
    narrow. With one seed, the interval does not know how much a second training would differ.
    If all groups agree, it is that of the largest share of other groups that G agreeing ones do not
    exclude (Clopper and Pearson 1934).
    """
    keys = ["group", "split", "seed"]
    sums = (
        differences.groupby(keys)["difference"].agg(["sum", "size"]).unstack("seed", fill_value=0)
    )
    sums = sums.unstack("split", fill_value=0)
    seeds, splits = differences["seed"].nunique(), differences["split"].nunique()
    values = sums["sum"].to_numpy(float).reshape(-1, seeds, splits)
    counts = sums["size"].to_numpy(float).reshape(-1, seeds, splits)[:, 0]
    difference, error = estimate(values, counts)
    low = high = np.nan
    if len(values) >= FEWEST_GROUPS:
        low, high = interval(values, counts, difference, error, np.random.default_rng(0))
    return Comparison(
        float(difference),
        float(low),
        float(high),
        groups=len(values),
        videos=differences["video"].nunique(),
        splits=splits,
        seeds=seeds,
    )


def estimate(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean difference per video, and its standard error.

    `values` (..., groups, seeds, splits) are sums over the videos of a group, `counts`
    (..., groups, splits) the numbers of these videos. The squared error is the variance between
    groups, plus what two trainings of a split differ in beyond the videos of its groups.
    """
    groups, seeds, _ = values.shape[-3:]
    videos = counts.sum((-2, -1))
    mean = values.mean(-2).sum((-2, -1)) / videos
    deviations = values.mean(-2).sum(-1) - mean[..., None] * counts.sum(-1)
    variance = groups / (groups - 1) * (deviations**2).sum(-1)
    if seeds > 1:
        of_split = np.maximum(counts.sum(-2), 1)
        runs = values.sum(-3)
        residuals = values - counts[..., None, :] * (runs / of_split[..., None, :])[..., None, :, :]
        tested = np.maximum((counts > 0).sum(-2), 2)
        noise = residuals.var(-2, ddof=1).sum(-2) * tested / (tested - 1)
        training = (runs.var(-2, ddof=1) - noise).sum(-1) / seeds
        variance = variance + np.maximum(training, 0)
    return mean, np.sqrt(variance) / videos


def interval(
    values: np.ndarray,
    counts: np.ndarray,
    difference: np.ndarray,
    error: np.ndarray,
    random: np.random.Generator,
) -> tuple[float, float]:
    """The studentised interval, from samples with other groups and, per split, other seeds."""
    groups, seeds, splits = values.shape
    if error < TINY:
        others = 1 - ((1 - LEVEL) / 2) ** (1 / groups)
        return difference - others * (difference + 1), difference + others * (1 - difference)
    scores = []
    for _ in range(DRAWS // 100):
        drawn = random.integers(groups, size=(100, groups))
        seed_of = random.integers(seeds, size=(100, 1, seeds, splits))
        sample = np.take_along_axis(values[drawn], seed_of, axis=2)
        mean, spread = estimate(sample, counts[drawn])
        # A sample in which all groups agree is treated as if one of them did not.
        scores.append((mean - difference) / np.where(spread < TINY, 1 / groups, spread))
    low, high = np.quantile(np.concatenate(scores), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return tuple(np.clip((difference - high * error, difference - low * error), -1, 1))
