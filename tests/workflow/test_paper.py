"""The plan of the paper's tables, on stand-ins of its data sets: no video is looked into."""

import importlib.util

import pytest
import yaml

from tests.workflow.runs import ROOT, Run

spec = importlib.util.spec_from_file_location("stand_ins", ROOT / "benchmarks" / "stand_ins.py")
stand_ins = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stand_ins)


@pytest.fixture(scope="module")
def paper(tmp_path_factory) -> Run:
    """A folder with the data sets' indices, for `configs/paper-small.yaml`."""
    folder = tmp_path_factory.mktemp("paper")
    video = folder / "video.mp4"
    video.touch()
    clips = [
        stand_ins.Clip(video, label, group) for label in ("del", "down", "left", "up", "square",
        "star", "tick", "right") for group in range(1, 23)
    ]  # fmt: skip
    data = folder / "data" / "paper-small"
    stand_ins.lay_out(clips, data)
    (data / "r2plus1d_18.pth").touch()
    (folder / "config.yaml").write_text(yaml.safe_dump({"base": "configs/paper-small.yaml"}))
    run = Run(folder)
    outcome = run("--", *(f"results/index/{name}.csv" for name in ("ucf101", "hmdb51", "kinetics")))
    assert outcome.status == 0, outcome.text
    return run


def test_nothing_that_two_rows_share_is_planned_twice(paper):
    jobs = paper.plan("--", "tables").jobs
    assert jobs["flow"] == 3  # a shard a data set
    assert jobs["motion_model"] == 17 + 4  # the two of Table 6 a split
    assert jobs["features"] == 14 + 4  # of the models that are clustered
    assert jobs["pseudo_labels"] == 23 + 4
    assert jobs["appearance_model"] == 26 + 8
    assert jobs["mers_model"] == jobs["random_model"] == 2
    assert jobs["retrieval"] == 6
    assert jobs["table"] + jobs["plotted_table"] == 13
    assert jobs["retrieval_figure"] == 1


def test_a_table_needs_its_own_rows_and_splits_only(paper):
    jobs = paper.plan("--", "table3").jobs
    assert jobs["appearance_model"] == jobs["pseudo_labels"] == jobs["recognition"] == 4
    assert jobs["motion_model"] == jobs["features"] == 1
    assert jobs["flow"] == 2  # of UCF101 and the source
    assert not {"retrieval", "metrics", "mers_model"} & set(jobs)
