"""What runs again, and what does not: shown on the job list of a dry run."""

import json
import os
import re
import shutil

import pytest
import torch
from torchvision.models import video

from tests.workflow.runs import Run, set_key

EVALUATED = {"recognition": 1, "metrics": 1, "report": 1}
SELF_TRAINED = {"appearance_model": 1, "fine_tuning": 1, "retrieval": 1, **EVALUATED}


def test_a_run_makes_what_the_design_says(whole_run):
    for name in (
        "index/target.csv",
        "frames/target/16x24/failed.csv",
        "models/motion/split1/model.pt",
        "models/motion/split1/history.csv",
        "pseudo_labels/clusters/split1/labels.csv",
        "pseudo_labels/clusters/split1/centroids.npy",
        "pseudo_labels/clusters/split1/quality.json",
        "models/appearance/split1/model.pt",
        "evaluations/motionfit/split1/model.pt",
        "evaluations/motionfit/split1/predictions.csv",
        "evaluations/motionfit/metrics.json",
        "report/index.html",
    ):
        assert whole_run.file(name).is_file(), name
    for evaluation in ("motionfit", "random", "motion"):
        metrics = json.loads(whole_run.file(f"evaluations/{evaluation}/metrics.json").read_text())
        assert 0 <= metrics["recognition top1"]["mean"] <= 1
        assert {"retrieval clip R@1", "retrieval video R@20"} <= set(metrics)


def test_nothing_changed(run):
    assert run.plan().nothing_to_do


def test_a_comment_and_the_order_of_keys(run):
    text = run.config_file.read_text()
    swapped = text.replace("epochs: 1, milestones: []", "milestones: [], epochs: 1")
    run.config_file.write_text("# A comment.\n" + swapped)
    assert swapped != text
    assert run.plan().nothing_to_do


def test_a_default_that_is_written_down_and_resources(run):
    run.change(set_key("motion_models/motion/labelled_part", None))
    run.change(set_key("resources", {"flow": {"threads": 2, "mem_mb": 9000}}))
    assert run.plan().nothing_to_do


def test_a_labelled_part_is_what_motion_model_and_fine_tuning_share(run):
    def share(config):
        config["labelled_parts"] = {"few": {"label_fraction": 1.0}}
        config["motion_models"]["motion"]["labelled_part"] = "few"

    run.change(share)
    assert set(run.plan().jobs) <= {"report", "all"}  # all labels by another name
    run.change(set_key("labelled_parts/few/label_fraction", 0.5))
    jobs = run.plan().jobs
    assert jobs["motion_model"] == jobs["pseudo_labels"] == jobs["fine_tuning"] == 1
    assert not {"flow", "frames", "random_model"} & set(jobs)


def test_clusters(run):
    run.change(set_key("pseudo_labels/clusters/clusters", 5))
    assert run.plan().jobs == {"pseudo_labels": 1, **SELF_TRAINED}


def test_the_clip_length_of_an_evaluation(run):
    run.change(set_key("evaluations/motionfit/clip_length", 6))
    assert run.plan().jobs == {"fine_tuning": 1, "retrieval": 1, **EVALUATED}


def test_the_number_of_test_clips_retrains_nothing(run):
    run.change(set_key("evaluations/motionfit/clips", 3))
    assert run.plan().jobs == {"retrieval": 1, **EVALUATED}


def test_another_evaluation_shares_what_is_there(run):
    def add(config):
        config["evaluations"]["again"] = {**config["evaluations"]["motionfit"], "clip_length": 6}

    run.change(add)
    assert run.plan().jobs == {"fine_tuning": 1, "retrieval": 1, **EVALUATED}


def test_the_stride_of_features_leaves_the_motion_model(run):
    run.change(set_key("motion_models/motion/features", {"stride": 4}))
    jobs = run.plan().jobs
    assert jobs["features"] > 0
    assert jobs["pseudo_labels"] == 1
    assert not {"motion_model", "flow", "frames"} & set(jobs)


def test_the_motion_models_training_leaves_flow_and_the_random_model(run):
    run.change(set_key("motion_models/motion/training/seed", 1))
    jobs = run.plan().jobs
    assert jobs["motion_model"] == 1
    # Those of the motion model itself and of MotionFit, but not of the random model.
    assert jobs["recognition"] == jobs["retrieval"] == jobs["metrics"] == 2
    assert not {"flow", "frames", "random_model"} & set(jobs)


def test_a_weight_file_reruns_what_starts_from_it(run):
    weights = run.folder / "weights.pth"
    torch.save(video.r3d_18(weights=None).state_dict(), weights)
    network = {"backbone": "r3d_18", "clip_length": 4, "weights": "weights.pth"}
    for name in ("random", "appearance"):
        run.change(set_key(f"appearance_models/{name}/network", network))
    plan = run.plan()
    assert plan.jobs["random_model"] == plan.jobs["appearance_model"] == 1
    assert "motion_model" not in plan.jobs
    assert len(re.findall(r"input: .*\bweights\.pth$", plan.text, re.MULTILINE)) == 2

    model = "results/models/random/split1/model.pt"
    outcome = run(model)
    assert outcome.status == 0, outcome.text
    assert run.plan(model).nothing_to_do
    later = (run.folder / model).stat().st_mtime + 10
    os.utime(weights, (later, later))
    assert run.plan(model).nothing_to_do
    torch.save(video.r3d_18(weights=None).state_dict(), weights)  # others, drawn anew
    assert run.plan(model).jobs == {"random_model": 1}


def shards_of(run) -> dict[str, list[str]]:
    import pandas as pd

    index = pd.read_csv(run.file("index/source.csv"), dtype=str, keep_default_na=False)
    return index.groupby("shard")["video"].apply(list).to_dict()


@pytest.fixture
def grown(run) -> tuple[Run, str]:
    """The run with one video more and its index made anew, and the shard that the video is in."""
    before = shards_of(run)
    assert len(before) > 1
    first = sorted((run.folder / "videos" / "unlabelled").glob("*.mp4"))[0]
    shutil.copy(first, first.with_name("a new ünicode {video} .mp4"))
    # The index first: what else there is to do follows from it.
    assert run.plan().jobs["index"] == 1
    assert run("--until", "index").status == 0
    after = shards_of(run)
    [shard] = [shard for shard in after if after[shard] != before.get(shard)]
    return run, shard


def test_one_video_added_makes_its_shard_and_what_is_made_from_the_data_set(grown):
    run, shard = grown
    plan = run.plan()
    assert plan.jobs == {
        "frames": 1,
        "ledger": 1,
        "flow": 1,
        "features": 1,
        "pseudo_labels": 1,
        **SELF_TRAINED,
    }
    assert f"results/flow/source/tvl1/{shard}.h5" in plan.text


@pytest.mark.long
def test_after_a_run_with_one_video_more_there_is_nothing_to_do(grown):
    run, _ = grown
    outcome = run()
    assert outcome.status == 0, outcome.text
    assert run.plan().nothing_to_do


def test_one_video_replaced_makes_its_shard(run):
    first, second = sorted((run.folder / "videos" / "unlabelled").glob("*.mp4"))[:2]
    later = run.file("report/index.html").stat().st_mtime + 10
    os.utime(first, (later, later))
    assert run.plan().nothing_to_do  # the same by another date
    shutil.copy(second, first)
    assert run.plan().jobs["frames"] == 1


@pytest.mark.long
@pytest.mark.parametrize(("motion_split", "chains"), [("target", 2), (2, 1)])
def test_splits_share_a_motion_model_only_where_its_split_is_fixed(empty_run, motion_split, chains):
    """Two splits of a data set like UCF101: one chain of models a split, or one for both."""
    lists = empty_run.folder / "lists"
    lists.mkdir()
    for split, test in ((1, "01"), (2, "02")):
        for kind in ("train", "test"):
            groups = {"01", "02", "03"} - {test} if kind == "train" else {test}
            names = [f"{c}/v_{c}_g{g}_c01.avi" for c in ("Run", "Jump") for g in sorted(groups)]
            (lists / f"{kind}list0{split}.txt").write_text("\n".join(names))
            for name in names:
                (empty_run.folder / "ucf" / name).parent.mkdir(parents=True, exist_ok=True)
                (empty_run.folder / "ucf" / name).touch()

    def change(config):
        config["datasets"]["target"] = {
            "format": "ucf101",
            "videos": "ucf",
            "annotations": "lists",
            "shards": 1,
        }
        config["datasets"]["source"] = {"format": "demo", "unlabelled": 1, "frames": 4, "shards": 1}
        config["motion_models"]["motion"]["motion_split"] = motion_split
        config["evaluations"]["motionfit"]["splits"] = [1, 2]
        del config["evaluations"]["motion"], config["evaluations"]["random"]

    empty_run.change(change)
    outcome = empty_run("results/index/target.csv", "results/index/source.csv")
    assert outcome.status == 0, outcome.text
    jobs = empty_run.plan().jobs
    assert jobs["motion_model"] == jobs["pseudo_labels"] == jobs["appearance_model"] == chains
    assert jobs["features"] == chains
    assert jobs["fine_tuning"] == jobs["recognition"] == 2
    # The retrieval of a model that both splits share is still by each split's videos.
    assert jobs["retrieval"] == 2
    assert jobs["flow"] == 2
