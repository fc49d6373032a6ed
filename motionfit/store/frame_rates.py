"""Warns if a model sees videos with another frame rate than it learned from, since motion looks
faster or slower in them."""

import logging

ALIKE = 1.25
"""Largest ratio of two frame rates that count as alike, such as 24 and 30 frames per second."""

log = logging.getLogger(__name__)


def warn_of_rates(dataset: str, rate: float, learned: float | None) -> None:
    """Warns if the videos of a data set and those that a model learned from differ in frame rate.

    Parameters
    ----------
    dataset
        The data set in words, such as "the source".
    rate
        Typical frame rate of its videos, in frames per second.
    learned
        Typical frame rate of the videos that the model learned from, or None if it learned from
        none.
    """
    if learned is None or 1 / ALIKE <= rate / learned <= ALIKE:
        return
    log.warning(
        "%s has %.3g frames per second, but the model learned from videos with %.3g: to the model, "
        "motion looks %.2g times as fast. To avoid this, give both data sets the same fps, %.3g or "
        "less",
        dataset,
        rate,
        learned,
        learned / rate,
        min(rate, learned),
    )
