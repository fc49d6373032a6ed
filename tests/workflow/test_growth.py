"""A collection of real videos grows and shrinks. Only the shards of changed videos are computed
again, and the files of features that hold these shards."""

import shutil
from itertools import count
from pathlib import Path

import pandas as pd
import pytest

from motionfit.datasets.index import shard_of
from motionfit.store.ranges import ranges
from tests.workflow.runs import Run, new_run

pytestmark = pytest.mark.long

FEATURES = "results/pseudo_labels/clusters/split1/labels.csv"
"""A target that needs frames, flow and features of every shard of the source."""
SHARDS = 512
"""From this number on, a file of features holds eight shards."""


def named(shard: int, stem: str = "video") -> str:
    """A file name that belongs to the given shard."""
    names = (f"{stem}{i}.mp4" for i in count())
    return next(name for name in names if int(shard_of(name, SHARDS)) == shard)


# Shards 8 to 11 are in one file of features. Shard 16 is in another, which has only this video.
KEPT, REPLACED, LAST, ALONE = (named(shard) for shard in (8, 9, 10, 16))
GONE = named(8, "gone")
NEW = named(11, "SoccerJuggling/new")


@pytest.fixture
def run(tmp_path, shared_data) -> Run:
    """A run whose source has original videos of UCF101, HMDB51, Kinetics and EgoGestAR."""
    run = new_run(tmp_path / "run")
    folder = run.folder / "videos" / "unlabelled"
    samples = shared_data / "real-samples"
    for pattern in ("ucf101/**/*.avi", "hmdb51/**/*.avi", "kinetics400/**/*.mp4"):
        for video in sorted(samples.glob(pattern))[:2]:
            shutil.copy(video, folder / video.name)
    gestures = sorted((shared_data / "egogestar").rglob("*.mp4"))
    for name, video in zip((KEPT, REPLACED, LAST, ALONE, GONE), gestures, strict=False):
        shutil.copy(video, folder / name)
    run.change(lambda config: config["datasets"]["source"].update(fps=5, shards=SHARDS))
    outcome = run(FEATURES)
    assert outcome.status == 0, outcome.text
    return run


def dates(run: Run) -> dict[str, int]:
    """For each file of frames, flow and features of the source, the time when it was made."""
    return {
        str(path.relative_to(run.file(""))): path.stat().st_mtime_ns
        for stage in ("frames", "flow", "features")
        for path in run.file(stage).rglob("*.h5")
        if "source" in path.parts
    }


def clustered(run: Run) -> set[str]:
    return set(pd.read_csv(run.folder / FEATURES)["video"])


def test_only_the_shards_of_what_changed_are_computed_again(run, shared_data, tmp_path):
    folder = run.folder / "videos" / "unlabelled"
    # The motion model learned from the target, which does not change, so it is not made again.
    model = run.file("models/motion/split1/model.pt").stat().st_mtime_ns

    def after(video: str, shards: set[str], features: set[str]) -> None:
        """Runs again after a change of `video`, and asserts which shards and files of features are
        made."""
        before = dates(run)
        # Snakemake gets the shards from the index.
        assert set(run.plan(FEATURES).jobs) & {"index", "frames"}
        outcome = run(FEATURES)
        assert outcome.status == 0, outcome.text
        now = dates(run)
        changed = {Path(name) for name in now if now[name] != before.get(name)}
        for stage, made in (("frames", shards), ("flow", shards), ("features", features)):
            assert {path.stem for path in changed if path.parts[0] == stage} == made, video
        assert len(changed) == 2 * len(shards) + len(features)
        assert (video in clustered(run)) == (folder / video).exists()
        assert run.plan(FEATURES).nothing_to_do

    file_of_eight = {"0008-0015"}
    (folder / NEW).parent.mkdir()
    shutil.copy(next((shared_data / "real-samples").rglob("*g24_c01.avi")), folder / NEW)
    after(NEW, {"0011"}, file_of_eight)
    (folder / GONE).unlink()
    after(GONE, {"0008"}, file_of_eight)
    shutil.copy(folder / KEPT, folder / REPLACED)
    after(REPLACED, {"0009"}, file_of_eight)
    (folder / LAST).unlink()  # the last video of its shard, but not of its file of features
    after(LAST, set(), file_of_eight)
    (folder / ALONE).unlink()  # the last video of both
    after(ALONE, set(), set())
    assert run.file("models/motion/split1/model.pt").stat().st_mtime_ns == model

    # The results equal those of a new run on the same videos.
    fresh = new_run(tmp_path / "fresh")
    shutil.rmtree(fresh.folder / "videos")
    shutil.copytree(run.folder / "videos", fresh.folder / "videos")
    shutil.copy(run.config_file, fresh.config_file)
    outcome = fresh(FEATURES)
    assert outcome.status == 0, outcome.text
    made = [name for name in dates(fresh) if name.startswith("features")]
    index = pd.read_csv(fresh.file("index/source.csv"), dtype=str)
    assert {Path(name).stem for name in made} == set(ranges(index["shard"], SHARDS))
    for name in made:  # not those of frames and flow, which contain the paths of their videos
        assert run.file(name).read_bytes() == fresh.file(name).read_bytes(), name
    assert (run.folder / FEATURES).read_text() == (fresh.folder / FEATURES).read_text()
