"""Writes the report of a run."""

import json
from pathlib import Path

from motionfit import options
from motionfit.config import load_config
from motionfit.report import write_report


def report(*, config: str, output: options.Output) -> None:
    """Write the report of a run as one HTML file.

    Parameters
    ----------
    config
        The whole config, in JSON.
    """
    write_report(load_config(json.loads(config)), Path("results"), output)
