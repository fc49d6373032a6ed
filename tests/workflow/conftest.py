import shutil
from pathlib import Path

import pytest

from tests.workflow.runs import Run, new_run, once, run_with_videos


@pytest.fixture
def empty_run(tmp_path) -> Run:
    return new_run(tmp_path / "run")


@pytest.fixture(scope="session")
def whole_run(shared_folder) -> Run:
    """A run that went from videos to the report: not to be changed, but copied."""

    def make(folder: Path) -> None:
        outcome = run_with_videos(folder)()
        assert outcome.status == 0, outcome.text

    return Run(once(shared_folder / "whole", make))


@pytest.fixture
def run(whole_run, tmp_path) -> Run:
    """A copy of the whole run, to change."""
    shutil.copytree(whole_run.folder, tmp_path / "run")
    return Run(tmp_path / "run")
