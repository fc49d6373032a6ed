"""What a run will cost, before it starts: counts of the config times this machine's rates."""

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
"""Folder of the Snakefile, from which a config's `base` is counted."""


def estimate(configfile: Path | None, directory: Path | None, targets: Sequence[str] = ()) -> None:
    """Prints what the run of a config file would cost, from nothing: of the tables and figures
    that `targets` names, or without any all of it.

    As Snakemake has it: without `configfile` it is `config.yaml`, the demo, and paths in it count
    from `directory`. Raises MotionFitError for whatever a run would complain of before it starts,
    where there is no such target, and where nothing of a data set can be read.
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
            raise MotionFitError(f"--directory: there is no folder {directory}: make it first")
        os.chdir(directory)
    try:
        check_paths(config)
    except MotionFitError as error:
        if directory is None:
            raise MotionFitError(
                f"{error}\n(paths count from the current folder; give that of the run "
                "as --directory)"
            ) from None
        raise
    # What counts on a CPU is the time that it works, so threads are not to wait in a loop. This is
    # read as PyTorch is imported: here, so that a mistake in the config is told before that.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from motionfit.estimate.page import show
    from motionfit.estimate.stages import Run

    with tempfile.TemporaryDirectory(prefix="motionfit-") as folder, own_log():
        run = Run(config, Path(folder), targets)
        costs = run.costs()
    show(run, costs, Console())


@contextmanager
def own_log() -> Iterator[None]:
    """Keeps quiet but for warnings what the stages tell of their work on a sample."""
    levels = {"motionfit": logging.WARNING, "motionfit.estimate": logging.INFO}
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
