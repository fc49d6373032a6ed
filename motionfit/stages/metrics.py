"""Collects the measures of the splits of an evaluation."""

from pathlib import Path
from typing import Literal

from motionfit import options
from motionfit.evaluation.summary import summary
from motionfit.files import write_json


def metrics(
    *,
    evaluation: Path,
    splits: list[options.Split],
    measures: list[Literal["recognition", "retrieval"]],
    output: options.Output,
) -> None:
    """Join the measures of the splits of an evaluation.

    Parameters
    ----------
    evaluation
        Folder that holds one folder per split.
    splits
        Numbers of the splits.
    measures
        The kinds of measures that were made.
    """
    write_json(output, summary(evaluation, splits, measures))
