"""The plan of the paper's tables, with stand-ins for its data sets. No video is opened."""

import importlib.util

import pytest
import yaml

from tests.workflow.runs import ROOT, Run, make

spec = importlib.util.spec_from_file_location("stand_ins", ROOT / "benchmarks" / "stand_ins.py")
stand_ins = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stand_ins)


@pytest.fixture(scope="module")
def paper(tmp_path_factory) -> Run:
    """A run of `configs/paper-small.yaml` that has made the indexes of its data sets."""
    folder = tmp_path_factory.mktemp("paper")
    video = folder / "video.mp4"
    video.touch()
    clips = [
        stand_ins.Clip(video, label, group)
        for label in ("del", "down", "left", "up", "square", "star", "tick", "right")
        for group in range(1, 23)
    ]
    data = folder / "data" / "paper-small"
    stand_ins.lay_out(clips, data)
    (folder / "config.yaml").write_text(yaml.safe_dump({"base": "configs/paper-small.yaml"}))
    run = Run(folder)
    names = ("ucf101", "hmdb51", "kinetics-train", "kinetics-val")
    make(run, *(f"results/index/{name}.csv" for name in names))
    return run


def test_results_that_rows_share_are_planned_once(paper):
    jobs = paper.plan("--", "tables").jobs
    assert jobs["flow"] == 4  # one shard per data set
    assert jobs["motion_model"] == 22 + 2  # the one of Tables 4 to 6 is trained on two more splits
    # Features of Kinetics-train by the motion model of each split and the one on RGB; of
    # Kinetics-val; and of UCF101 by the two motion models of Table 8.
    assert jobs["features"] == 4 + 1 + 2
    assert jobs["pseudo_labels"] == 17 + 2
    # On Kinetics-train: K = 1000 and S3D-G for each split, three other K, appearance clusters, and
    # the source without common classes.
    train = 2 * 3 + 3 + 2
    assert jobs["appearance_model"] == train + 16 + 4
    assert jobs["taught_model"] == jobs["random_model"] == 3
    assert train + jobs["taught_model"] == 14
    assert jobs["retrieval"] == 3
    assert jobs["table"] + jobs["plotted_table"] == 16
    assert jobs["retrieval_figure"] == 1


def test_a_table_needs_only_its_own_rows_and_splits(paper):
    jobs = paper.plan("--", "table3").jobs
    assert jobs["appearance_model"] == jobs["pseudo_labels"] == jobs["recognition"] == 8
    assert jobs["motion_model"] == 1
    assert jobs["features"] == 2  # one per source
    assert jobs["flow"] == 3  # UCF101 and the two sources
    assert not {"retrieval", "metrics", "taught_model"} & set(jobs)


def test_one_self_trained_network_serves_the_three_splits_of_hmdb51(paper):
    shown = "results/evaluations/hmdb51/metrics.json"
    jobs = paper.plan("--", shown).jobs
    assert jobs["fine_tuning"] == 3
    assert jobs["appearance_model"] == jobs["motion_model"] == 1
