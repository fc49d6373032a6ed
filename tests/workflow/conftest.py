import fcntl
import os
import shutil

import pytest

from motionfit.config import Demo
from motionfit.datasets.demo import render_demo
from tests.workflow.runs import Run, new_run


@pytest.fixture
def empty_run(tmp_path) -> Run:
    return new_run(tmp_path / "run")


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory) -> Run:
    """A run that went from videos to the report: not to be changed, but copied. The first of
    several test processes to want it makes it, and the others wait."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "whole" / "run"
    with (base / "whole.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (base / "whole.done").exists():
            return Run(folder)
        shutil.rmtree(folder, ignore_errors=True)
        run = new_run(folder)
        recipe = Demo(format="demo", unlabelled=2, frames=8, height=16, width=24, seed=2)
        render_demo(recipe, folder / "videos")
        outcome = run()
        assert outcome.status == 0, outcome.text
        (base / "whole.done").touch()
    return run


@pytest.fixture
def run(whole_run, tmp_path) -> Run:
    """A copy of the whole run, to change."""
    shutil.copytree(whole_run.folder, tmp_path / "run")
    return Run(tmp_path / "run")
