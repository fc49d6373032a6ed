"""Bad input ends a run with one message, and finished results are kept."""

import shutil

import pytest
import yaml

from tests.videos import make_video
from tests.workflow.runs import set_key


def failure(outcome) -> str:
    """Output of a run that failed without a traceback."""
    assert outcome.status != 0, outcome.text
    assert "Traceback" not in outcome.text, outcome.text
    return outcome.text


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("motion_models/motion/training/epoch", 3, "motion_models.motion.training.epoch: unknown"),
        ("pseudo_labels/clusters/clusters", "many", "pseudo_labels.clusters.clusters: "),
        ("appearance_models/appearance/pseudo_labels", "x", "no pseudo-labels named 'x'"),
    ],
)
def test_a_mistake_in_the_config_stops_the_plan(empty_run, path, value, message):
    empty_run.change(set_key(path, value))
    assert message in failure(empty_run("--dry-run"))


def test_a_duplicate_key_stops_the_plan(empty_run):
    file = empty_run.config_file
    file.write_text(file.read_text() + "\nframe_quality: 90\nframe_quality: 91\n")
    lines = len(file.read_text().splitlines())
    text = failure(empty_run("--dry-run"))
    assert f"{file}, line {lines}: the key frame_quality is already in line {lines - 1}" in text


def test_paths_may_have_braces(empty_run):
    folder = empty_run.folder / "mine {take}"
    folders(empty_run, videos=folder.name, labels=f"{folder.name}/labels{{x}}.csv")
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        make_video(folder / name)
    (folder / "labels{x}.csv").write_text(
        "path,label,split\na.mp4,wave,train\nb.mp4,wave,test\nc.mp4,run,train\n"
    )
    outcome = empty_run("results/index/target.csv")
    assert outcome.status == 0, outcome.text


def folders(run, **options) -> None:
    """Replaces the run's target by a data set in the folder `mine`."""
    run.change(set_key("datasets/target", {"format": "folders", "videos": "mine"} | options))


def test_a_missing_video_folder_stops_the_plan_and_loses_no_result(run):
    index = run.file("index/source.csv").read_text()
    run.change(set_key("datasets/source/videos", "vidoes"))
    assert "datasets.source.videos: there is no folder vidoes" in failure(run())
    run.change(set_key("datasets/source/videos", "videos/unlabelled"))
    assert run.file("index/source.csv").read_text() == index
    assert run.plan().nothing_to_do


def test_a_missing_weight_file_stops_the_plan(empty_run):
    network = {"backbone": "s3d", "weights": "s3d.pth"}
    empty_run.change(set_key("appearance_models/random/network", network))
    text = failure(empty_run("--dry-run"))
    assert "appearance_models.random.network.weights: there is no file s3d.pth" in text


def test_an_empty_video_folder_stops_the_run(empty_run):
    folders(empty_run)
    (empty_run.folder / "mine").mkdir()
    text = failure(empty_run("results/index/target.csv"))
    assert "videos: there is no video below mine" in text


def test_all_problems_of_the_data_sets_are_reported_before_anything_is_made(empty_run):
    folders(empty_run, labels="mine/labels.csv")
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        make_video(empty_run.folder / "mine" / name, frames=5)
    (empty_run.folder / "mine" / "labels.csv").write_text(
        "path,label,split\na.mp4,wave,train\nb.mp4,wave,train\nc.mp4,jump,test\n"
    )
    source = empty_run.folder / "videos" / "unlabelled"
    shutil.rmtree(source)
    make_video(source / "a.mp4", frames=4)
    empty_run.change(set_key("evaluations/motionfit/clip_length", 9))
    text = failure(empty_run())
    for problem in (
        "the data set 'target' does not fit this config:",
        "all training videos of split 1 are of one class, 'wave'",
        "split 1 has test videos but no training video of the class(es) jump",
        "evaluations.motionfit: clip_length is 9, but the longest of its 1 videos has 5 frames",
        "the data set 'source' does not fit this config:",
        "clusters is 4, but the 1 videos of the source give at most 1 clips",
    ):
        assert problem in text
    assert not empty_run.file("index").exists()
    assert not empty_run.file("frames").exists()


def test_more_clusters_than_clips_loses_no_result(run):
    before = run.file("models/motion/split1/model.pt").stat().st_mtime_ns
    run.change(set_key("pseudo_labels/clusters/clusters", 5000))
    text = failure(run())
    assert "clusters is 5000, but the 16 videos of the source give at most" in text
    assert run.file("models/motion/split1/model.pt").stat().st_mtime_ns == before
    run.change(set_key("pseudo_labels/clusters/clusters", 4))
    assert not {"motion_model", "flow", "features"} & set(run.plan().jobs)


@pytest.fixture
def videos_with_broken_ones(empty_run):
    """Eight good videos and three broken ones, in a folder with an odd name."""
    folder = empty_run.folder / "mine" / "my vidéos & more"
    for i in range(8):
        make_video(folder / f"ein {i} ü.mp4")
    whole = (folder / "ein 0 ü.mp4").read_bytes()
    (folder / "text.mp4").write_text("this is no video")
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "half.mp4").write_bytes(whole[: len(whole) // 2])
    empty_run.change(
        set_key(
            "datasets/source",
            {"format": "folders", "videos": "mine", "labelled": False, "shards": 1},
        )
    )
    return empty_run


LEDGER = "results/frames/source/16x24/failed.csv"


def test_broken_videos_are_left_out_and_listed_in_the_ledger(videos_with_broken_ones):
    run = videos_with_broken_ones
    run.change(set_key("datasets/source/max_failed", 0.5))
    outcome = run(LEDGER)
    assert outcome.status == 0, outcome.text
    ledger = (run.folder / LEDGER).read_text()
    for name in ("text.mp4", "empty.mp4", "half.mp4"):
        assert name in ledger
    assert "ein" not in ledger


def test_too_many_broken_videos_stop_the_run_and_keep_the_rest(videos_with_broken_ones):
    run = videos_with_broken_ones
    text = failure(run(LEDGER))
    assert "3 of the 11 videos of the data set 'source' are missing or can't be decoded" in text
    assert "datasets.source.max_failed" in text
    assert list((run.folder / "results/frames/source/16x24").glob("*.h5"))
    run.change(set_key("datasets/source/max_failed", 0.5))
    assert run.plan(LEDGER).jobs == {"ledger": 1}


def test_a_config_without_data_sets_overlays_the_demo(run):
    assert "demo-target" not in run.plan().text
    overlay = run.folder / "overlay.yaml"
    overlay.write_text(yaml.safe_dump({"pseudo_labels": {"clusters": {"clusters": 9}}}))
    shutil.move(overlay, run.config_file)
    text = run.plan("--printshellcmds").text
    assert "demo-target" in text
