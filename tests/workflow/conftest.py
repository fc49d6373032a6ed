import shutil
from pathlib import Path

import pytest

from tests.workflow.runs import Run, make_all, new_run, once, run_with_videos


@pytest.fixture
def empty_run(tmp_path) -> Run:
    """A run without results, whose videos are empty files."""
    run = new_run(tmp_path / "run")
    for i in range(4):
        (run.folder / "videos" / "unlabelled" / f"{i}.mp4").touch()
    return run


@pytest.fixture(scope="session")
def whole_run(shared_folder) -> Run:
    """A finished run, from videos to the report. Tests copy it and do not change it."""

    def make(folder: Path) -> None:
        make_all(run_with_videos(folder))

    return Run(once(shared_folder / "whole", make))


@pytest.fixture
def run(whole_run, tmp_path) -> Run:
    """A copy of the finished run that a test may change."""
    shutil.copytree(whole_run.folder, tmp_path / "run")
    return Run(tmp_path / "run")
