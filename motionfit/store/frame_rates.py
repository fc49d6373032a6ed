"""Videos of another frame rate than a model learned from: motion looks faster or slower to it."""

import logging

ALIKE = 1.25
"""Ratio of two rates up to which they count as one: 24, 25 and 30 frames a second do."""

log = logging.getLogger(__name__)


def warn_of_rates(dataset: str, rate: float, learned: float | None) -> None:
    """Warns where the videos of a data set have another rate than those that a model learned from.

    dataset: what to call it, such as "the source". rate, learned: the usual frames a second of its
    videos, and of those that the model learned from; None where it learned from none.
    """
    if learned is None or 1 / ALIKE <= rate / learned <= ALIKE:
        return
    log.warning(
        "%s has %.3g frames a second, and the model learned from videos of %.3g: to it, motion is "
        "%.2g times as fast. Give both data sets the same fps, %.3g or less, to have it alike",
        dataset,
        rate,
        learned,
        learned / rate,
        min(rate, learned),
    )
