import re
from collections import Counter

import pytest
import yaml

from motionfit.cli import main
from motionfit.config import load_config
from motionfit.estimate import rates, training_rates
from motionfit.estimate.page import stages
from motionfit.estimate.stages import Run
from tests.videos import make_video
from tests.workflow.runs import set_key

TINY = {
    "datasets": {
        "set": {
            "format": "demo",
            "train": 2,
            "test": 1,
            "unlabelled": 1,
            "frames": 8,
            "height": 16,
            "width": 24,
            "shards": 2,
        }
    },
    "flow": {"flow": {"method": "dis", "size": [16, 24]}},
    "motion_models": {
        "motion": {
            "dataset": "set",
            "flow": "flow",
            "network": {"backbone": "r2plus1d_small", "clip_length": 4},
            "training": {"epochs": 3, "crop": 16, "clips_per_video": 2, "batch_size": 2},
            "features": {"stride": 2},
        }
    },
    "evaluations": {
        "motion": {
            "model": "motion",
            "dataset": "set",
            "clip_length": 4,
            "clips": 2,
            "fine_tuning": None,
        }
    },
}


@pytest.fixture
def quick(monkeypatch):
    """Keeps measurements very short, and starts no programs."""
    monkeypatch.setattr(rates, "BUDGET", 0.01)
    monkeypatch.setattr(rates, "OPERATIONS", 1e6)
    monkeypatch.setattr(rates, "measure_start", lambda module: 1.0)


def write_config(folder, values):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_jobs_hours_and_bytes_of_a_small_run(quick, tmp_path):
    run = Run(load_config(TINY), tmp_path)
    costs = {cost.stage: cost for cost in run.costs()}
    jobs = {stage: cost.jobs for stage, cost in costs.items()}
    assert jobs == {
        "render_demo": 1,
        "index": 1,
        "frames": 2,
        "ledger": 1,
        "flow": 2,
        "duplicates": 1,
        "motion_model": 1,
        "recognition": 1,
        "retrieval": 1,
        "metrics, tables, figures": 1,
        "report": 1,
    }
    for stage in ("frames", "flow", "motion_model"):
        assert costs[stage].bytes > 0
        assert costs[stage].core_hours > costs[stage].jobs * 1.0 / 3600  # more than the start
    # 32 videos of 8 frames of 16x24 pixels: JPEG needs at most 3 bytes per pixel, even for noise.
    assert costs["frames"].bytes < 32 * 8 * (16 * 24 * 3) + 2 * 32 * 5000
    table = stages(run, list(costs.values()))
    assert table.row_count == len(costs) + 1


def test_the_longest_job_of_features_is_the_file_with_most_shards(quick, tmp_path, monkeypatch):
    # Two clips per video take a second each. Few of the 512 shards, eight per file, hold a video.
    monkeypatch.setattr(rates, "measure_inference", lambda *_: rates.Inference(1.0, 0.0))
    values = yaml.safe_load(yaml.safe_dump(TINY))
    values["datasets"]["set"]["shards"] = 512
    values["motion_models"]["motion"]["features"]["stride"] = 4
    values["pseudo_labels"] = {
        "clusters": {"motion_model": "motion", "dataset": "set", "clusters": 2}
    }
    values["appearance_models"] = {
        "appearance": {
            "pseudo_labels": "clusters",
            "frame_size": [16, 24],
            "network": {"backbone": "r2plus1d_small", "clip_length": 4},
            "training": {"epochs": 1, "crop": 16, "batch_size": 2},
        },
    }
    values["evaluations"]["motion"] |= {
        "model": "appearance",
        "fine_tuning": {"crop": 16, "batch_size": 2},
    }
    run = Run(load_config(values), tmp_path)
    [cost] = [cost for cost in run.costs() if cost.stage == "features"]
    shards = set(run.surveys["set"].index["shard"])
    shards_per_file = Counter(int(shard) // 8 for shard in shards)
    assert cost.jobs == len(shards_per_file) > 1
    assert len(set(shards_per_file.values())) > 1
    shard_seconds = 2 * run.surveys["set"].videos / len(shards)
    longest = max(shards_per_file.values()) * shard_seconds + 1
    assert cost.longest * 3600 == pytest.approx(longest)
    total = 2 * run.surveys["set"].videos + len(shards_per_file)
    assert cost.core_hours * 3600 == pytest.approx(
        total * min(run.config.resources.features.threads, run.machine.cores)
    )


def test_trainings_of_the_same_pace_are_measured_once(quick, tmp_path, monkeypatch):
    measured = []
    monkeypatch.setattr(
        training_rates, "measure_training", lambda learning, _: measured.append(learning) or 1
    )
    values = yaml.safe_load(yaml.safe_dump(TINY))
    motion = values["motion_models"]["motion"]
    values["motion_models"]["longer"] = {
        **motion,
        "training": {**motion["training"], "epochs": 9, "seed": 5},
    }
    values["evaluations"]["longer"] = {**values["evaluations"]["motion"], "model": "longer"}
    run = Run(load_config(values), tmp_path)
    [cost] = [cost for cost in run.costs() if cost.stage == "motion_model"]
    assert cost.jobs == 2
    assert len(measured) == 1
    # 16 videos of 2 clips, a few of them held out, at 1 s per clip, for 3 and for 9 epochs.
    assert cost.longest == pytest.approx(9 * 2 * 15 / 3600, rel=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            set_key("datasets/set", {"format": "folders", "videos": "no"}),
            r"datasets\.set\.videos: there is no folder no",
        ),
        (set_key("motion_models/motion/dataset", "none"), "there is no data set named 'none'"),
        (set_key("base", "none.yaml"), r"base: none\.yaml is no file"),
    ],
)
def test_a_mistake_in_the_config_is_an_error(tmp_path, capsys, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    values = yaml.safe_load(yaml.safe_dump(TINY))
    change(values)
    path = write_config(tmp_path, values)
    assert main(["estimate", "--configfile", str(path)]) == 1
    assert re.search(f"error: .*{message}", capsys.readouterr().err, re.DOTALL)


def test_videos_that_do_not_fit_the_config_are_an_error(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a/1", "a/2", "b/1", "b/2"):
        make_video(tmp_path / "videos" / f"{name}.mp4", frames=6)
    values = yaml.safe_load(yaml.safe_dump(TINY))
    values["datasets"]["set"] = {"format": "folders", "videos": "videos", "test_fraction": 0.5}
    values["motion_models"]["motion"]["network"]["clip_length"] = 16
    path = write_config(tmp_path, values)
    assert main(["estimate", "--configfile", str(path)]) == 1
    error = capsys.readouterr().err
    assert "the data set 'set' does not fit this config" in error
    assert "clip_length is 16, but the longest of its 2 videos has 6 frames" in error


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("datasets: [", "line 1: while parsing a flow node"),
        ("- one", "contains no keys"),
        (None, "can't be read: No such"),
    ],
)
def test_an_unreadable_config_file_is_an_error(tmp_path, capsys, text, message):
    path = tmp_path / "c.yaml"
    if text is not None:
        path.write_text(text)
    assert main(["estimate", "--configfile", str(path)]) == 1
    assert message in capsys.readouterr().err


def test_a_missing_run_folder_is_an_error(tmp_path, capsys):
    assert main(["estimate", "--directory", str(tmp_path / "no")]) == 1
    assert "there is no folder" in capsys.readouterr().err


def test_an_unknown_target_is_an_error(capsys):
    assert main(["estimate", "table9"]) == 1
    assert "no table or figure named 'table9' (it has: none)" in capsys.readouterr().err


def test_paths_are_relative_to_the_folder_of_the_run(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # so that it is restored after the test
    values = yaml.safe_load(yaml.safe_dump(TINY))
    values["datasets"]["set"] = {"format": "folders", "videos": "videos"}
    write_config(tmp_path, values)
    (tmp_path / "run" / "videos" / "a").mkdir(parents=True)
    (tmp_path / "run" / "videos" / "a" / "v.mp4").write_text("no video")
    # The config file is found in the current folder, the videos in the run's folder: the error is
    # about their content.
    assert main(["estimate", "--configfile", "config.yaml", "--directory", "run"]) == 1
    assert "none of 1 videos drawn at random can be read" in capsys.readouterr().err
