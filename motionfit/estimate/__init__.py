"""Estimates the cost of a run before it starts: amounts of work times this machine's rates."""

import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from motionfit.config import check_paths, load_config, over_base
from motionfit.errors import MotionFitError
from motionfit.yaml_files import read_config

SNAKEFILE = Path(__file__).resolve().parents[2]
"""Folder of the Snakefile. A config's `base` is relative to it."""


def estimate(configfile: Path | None, directory: Path | None, targets: Sequence[str] = ()) -> None:
    """Prints what a run would cost if it starts with no results.

    `targets` names the tables and figures to make; without targets, the run makes everything. As in
    Snakemake, the default config file is `config.yaml`, the demo, and paths in the config are
    relative to `directory`. Raises MotionFitError for every mistake that Snakemake would report
    before the run starts, for an unknown target, and if no video of a data set can be read.
    """
    config = load_config(over_base(read_config(configfile) if configfile else {}, SNAKEFILE))
    known = (*config.tables, *config.figures)
    for target in targets:
        if target not in known:
            raise MotionFitError(
                f"the config has no table or figure named {target!r} (it has: "
                f"{', '.join(known) or 'none'})"
            )
    if directory is not None:
        if not directory.is_dir():
            raise MotionFitError(f"--directory: there is no folder {directory}: create it first")
        os.chdir(directory)
    try:
        check_paths(config)
    except MotionFitError as error:
        if directory is None:
            raise MotionFitError(
                f"{error}\n(paths are relative to the current folder; give the folder of the run "
                "as --directory)"
            ) from None
        raise
    # The rates on a CPU are of CPU time, so idle threads must not spin. PyTorch reads the variable
    # when it is imported. It is imported here, so that a mistake in the config is reported sooner.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from motionfit.estimate.page import show
    from motionfit.estimate.stages import Run

    with tempfile.TemporaryDirectory(prefix="motionfit-") as folder, quiet_stages():
        run = Run(config, Path(folder), targets)
        costs = run.costs()
    show(run, costs, Console())


@contextmanager
def quiet_stages() -> Iterator[None]:
    """Shows only warnings of the stages that run on a sample, and all messages of the estimate."""
    levels = {
        "motionfit": logging.WARNING,
        "motionfit.estimate": logging.INFO,
        "lightning_fabric": logging.WARNING,
    }
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
