"""Videos change while a run reads them, or the clock is set back."""

import os
import shutil
from pathlib import Path

import pytest

from motionfit.config import Demo
from motionfit.datasets.demo import render_video, write_video
from tests.faults.disturbed import begins, copied, failure, finished, small_run, started
from tests.faults.same import same_results
from tests.workflow.runs import Run

pytestmark = pytest.mark.long

FRAMES = "results/frames/source/16x24/failed.csv"
"""A target that needs the index and all frames of the data set, on which all other results
depend."""


def add(folder: Path) -> None:
    shutil.copy(folder / "left_0000.mp4", folder / "new.mp4")


def replace(folder: Path) -> None:
    recipe = Demo(format="demo", frames=11, height=16, width=24)
    write_video(folder / "right_0000.mp4", render_video(recipe, "right", "another"))


def remove(folder: Path) -> None:
    (folder / "up_0000.mp4").unlink()


def videos(run: Run) -> Path:
    return run.folder / "videos" / "unlabelled"


def same_frames(run: Run, tmp_path: Path) -> None:
    """Asserts that the index and the frames equal those of a new run on the present videos."""
    fresh = small_run(tmp_path / "fresh")
    shutil.rmtree(videos(fresh))
    shutil.copytree(videos(run), videos(fresh))
    finished(fresh(FRAMES))
    same_results(run, fresh)


def test_videos_may_change_between_index_and_frames(tmp_path):
    run = small_run(tmp_path / "run")
    finished(run("results/index/source.csv"))
    for change in (add, replace, remove):
        change(videos(run))
    finished(run(FRAMES))
    assert run.plan(FRAMES).nothing_to_do
    same_frames(run, tmp_path)


@pytest.mark.parametrize("change", [add, replace, remove])
def test_videos_may_change_while_they_are_read(tmp_path, change):
    run = small_run(tmp_path / "run")
    begun = begins(run, "frames")
    with started(run, FRAMES) as background:
        background.until(begun)
        change(videos(run))
        outcome = background.wait()
    if outcome.status:  # the index names a video that is gone
        assert "can't be read (No such file or directory)" in failure(outcome)
    assert run.plan(FRAMES).jobs
    finished(run(FRAMES))
    assert run.plan(FRAMES).nothing_to_do
    same_frames(run, tmp_path)


AHEAD = 6 * 3600 * 10**9
"""Nanoseconds by which the clock was set back."""


def test_a_run_goes_on_after_the_clock_is_set_back(undisturbed, tmp_path):
    """The finished results have dates in the future, and Snakemake refuses new results that are
    older than their inputs."""
    run = copied(undisturbed, tmp_path / "run", without="metrics")
    for path in run.file("").rglob("*"):
        if path.is_file() and path.suffix != ".mp4":
            later = path.stat().st_mtime_ns + AHEAD
            os.utime(path, ns=(later, later))
    assert run.plan().jobs == {"metrics": 2, "report": 1}
    outcome = finished(run())
    assert "had dates in the future" in outcome.text
    assert "4 of 4 steps" in outcome.text  # nothing is made twice
    assert run.plan().nothing_to_do
    same_results(run, undisturbed)
