"""The command that writes a config for a user's videos."""

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from motionfit.errors import MotionFitError

ASKED = {
    "labelled": "Folder of the labelled videos (one folder per class, or a labels.csv): ",
    "unlabelled": "Folder of the unlabelled videos (empty for none): ",
}


def init(
    run: Path,
    /,
    *,
    labelled: Path | None = None,
    unlabelled: Path | None = None,
    weights: Path | None = None,
    device: Literal["cpu", "gpu"] | None = None,
) -> None:
    """Look into your videos, and write a config that fits them.

    Without `--labelled`, a terminal is asked for the folders. The first videos are decoded, and the
    flow of some of their frames is computed, to choose sizes and rates.

    Parameters
    ----------
    run
        Folder of the run to write config.yaml to, and labels.csv if the names of the videos suggest
        groups.
    labelled
        Folder of labelled videos: one folder per class, or a labels.csv (path, label; optionally
        group and split).
    unlabelled
        Folder of unlabelled videos, with any folders in it (default: the labelled ones without
        their labels).
    weights
        Weights of torchvision's r2plus1d_18 to compare with (default: none; those that torchvision
        has downloaded are pointed out).
    device
        What the run will compute on, if that is another machine (default: a GPU if this machine has
        one).
    """
    if labelled is None:
        labelled = asked("labelled")
        if labelled is None:
            raise MotionFitError("there is no folder of labelled videos: give --labelled FOLDER")
        unlabelled = unlabelled or asked("unlabelled")

    from motionfit.init.choices import Machine
    from motionfit.init.write import write_config

    machine = Machine.this()
    if device:
        machine = replace(machine, gpu=device == "gpu")
    write_config(run, labelled, unlabelled, weights, machine)


def asked(name: str) -> Path | None:
    """A folder that the user types, or None: if the line is empty, or if nobody is there to
    type."""
    if not sys.stdin.isatty():
        return None
    with suppress(EOFError):
        if typed := input(ASKED[name]).strip():
            return Path(os.path.expanduser(typed))  # noqa: PTH111 - it leaves ~nobody as it is
    return None
