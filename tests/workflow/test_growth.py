"""A collection of real videos that grows: only the shards of what changed are computed again, and
the one file of features that holds theirs."""

import shutil
from pathlib import Path

import pytest

from motionfit.datasets.index import shard_of
from motionfit.store.ranges import ranges
from tests.workflow.runs import Run, new_run

pytestmark = pytest.mark.long

FEATURES = "results/pseudo_labels/clusters/split1/labels.csv"
"""For this every shard of the source becomes frames, flow and features."""
PER_SHARD = ("frames", "flow")
SHARDS = 12
"""Enough for two files of features."""
NEW, GONE, OTHER = "SoccerJuggling/new.avi", "gesture1.mp4", "gesture2.mp4"


@pytest.fixture
def run(tmp_path, shared_data) -> Run:
    """The source is UCF101, HMDB51, Kinetics and gesture videos as they were published."""
    run = new_run(tmp_path / "run")
    folder = run.folder / "videos" / "unlabelled"
    samples = shared_data / "real-samples"
    for pattern in ("ucf101/**/*.avi", "hmdb51/**/*.avi", "kinetics400/**/*.mp4"):
        for video in sorted(samples.glob(pattern))[:3]:
            shutil.copy(video, folder / video.name)
    gestures = sorted((shared_data / "egogestar").rglob("*.mp4"))
    for i, video in enumerate(gestures[:4]):
        shutil.copy(video, folder / f"gesture{i}.mp4")
    run.change(lambda config: config["datasets"]["source"].update(fps=5, shards=SHARDS))
    outcome = run(FEATURES)
    assert outcome.status == 0, outcome.text
    return run


def dates(run: Run) -> dict[str, int]:
    """Each shard of the source, and each file of features, to when it was made."""
    return {
        str(path.relative_to(run.file(""))): path.stat().st_mtime_ns
        for stage in (*PER_SHARD, "features")
        for path in run.file(stage).rglob("*.h5")
        if "source" in path.parts
    }


def test_only_the_shards_of_what_changed_are_computed_again(run, shared_data, tmp_path):
    folder = run.folder / "videos" / "unlabelled"
    # The motion model stays: nothing of the target, on whose labels it learned, is touched.
    model = run.file("models/motion/split1/model.pt").stat().st_mtime_ns

    def after(change, video: str) -> None:
        before = dates(run)
        change(folder / video)
        shard = shard_of(video, SHARDS)
        # Snakemake learns from the index which shards there are.
        assert set(run.plan(FEATURES).jobs) & {"index", "frames"}
        outcome = run(FEATURES)
        assert outcome.status == 0, outcome.text
        now = dates(run)
        changed = {name for name in now if now[name] != before.get(name)}
        assert len(changed) == len(PER_SHARD) + 1
        assert {Path(name).stem for name in changed} == {shard, *ranges([shard])}
        assert sum(name.startswith("features") for name in now) == 2
        assert run.plan(FEATURES).nothing_to_do

    def add(path: Path) -> None:
        path.parent.mkdir()
        shutil.copy(next((shared_data / "real-samples").rglob("*g24_c01.avi")), path)

    def remove(path: Path) -> None:
        path.unlink()

    def replace(path: Path) -> None:
        shutil.copy(folder / "gesture3.mp4", path)

    after(add, NEW)
    after(remove, GONE)
    after(replace, OTHER)
    assert run.file("models/motion/split1/model.pt").stat().st_mtime_ns == model

    # What is there now is what a run that begins with these videos makes.
    fresh = new_run(tmp_path / "fresh")
    shutil.rmtree(fresh.folder / "videos")
    shutil.copytree(run.folder / "videos", fresh.folder / "videos")
    shutil.copy(run.config_file, fresh.config_file)
    outcome = fresh(FEATURES)
    assert outcome.status == 0, outcome.text
    for name in dates(run):
        if name.startswith("features"):  # the others hold the paths of their videos
            assert run.file(name).read_bytes() == fresh.file(name).read_bytes(), name
    labels = "pseudo_labels/clusters/split1/labels.csv"
    assert run.file(labels).read_text() == fresh.file(labels).read_text()
