import shutil
from pathlib import Path

import pytest

from motionfit.config import Demo
from motionfit.datasets.demo import render_demo
from tests.workflow.runs import Run, new_run, once


@pytest.fixture
def empty_run(tmp_path) -> Run:
    return new_run(tmp_path / "run")


@pytest.fixture(scope="session")
def whole_run(shared_folder) -> Run:
    """A run that went from videos to the report: not to be changed, but copied."""

    def make(folder: Path) -> None:
        run = new_run(folder)
        recipe = Demo(format="demo", unlabelled=2, frames=8, height=16, width=24, seed=2)
        render_demo(recipe, folder / "videos")
        outcome = run()
        assert outcome.status == 0, outcome.text

    return Run(once(shared_folder / "whole", make))


@pytest.fixture
def run(whole_run, tmp_path) -> Run:
    """A copy of the whole run, to change."""
    shutil.copytree(whole_run.folder, tmp_path / "run")
    return Run(tmp_path / "run")
