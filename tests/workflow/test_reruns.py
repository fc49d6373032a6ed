"""Which jobs run again after a change. Most tests look at the jobs of a dry run."""

import json
import os
import re
import shutil

import pytest
import torch
from torchvision.models import video

from tests.workflow.runs import Run, make, set_key

EVALUATED = {"recognition": 1, "metrics": 1, "report": 1}
SELF_TRAINED = {"appearance_model": 1, "fine_tuning": 1, "retrieval": 1, **EVALUATED}


def test_a_run_makes_all_documented_results(whole_run):
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


def test_without_a_change_there_is_nothing_to_do(run):
    assert run.plan().nothing_to_do


def test_a_comment_and_the_order_of_keys_rerun_nothing(run):
    text = run.config_file.read_text()
    swapped = text.replace("epochs: 1, milestones: []", "milestones: [], epochs: 1")
    run.config_file.write_text("# A comment.\n" + swapped)
    assert swapped != text
    assert run.plan().nothing_to_do


def test_an_explicit_default_and_resources_rerun_nothing(run):
    run.change(set_key("motion_models/motion/labelled_part", None))
    run.change(set_key("resources", {"flow": {"threads": 2, "mem_mb": 9000}}))
    assert run.plan().nothing_to_do


def test_motion_model_and_fine_tuning_share_a_labelled_part(run):
    def share(config):
        config["labelled_parts"] = {"few": {"label_fraction": 1.0}}
        config["motion_models"]["motion"]["labelled_part"] = "few"

    run.change(share)
    assert set(run.plan().jobs) <= {"report", "all"}  # the part still has all labels
    run.change(set_key("labelled_parts/few/label_fraction", 0.5))
    jobs = run.plan().jobs
    assert jobs["motion_model"] == jobs["pseudo_labels"] == jobs["fine_tuning"] == 1
    assert not {"flow", "frames", "random_model"} & set(jobs)


def test_another_number_of_clusters_reruns_the_clustering_and_what_follows(run):
    run.change(set_key("pseudo_labels/clusters/clusters", 5))
    assert run.plan().jobs == {"pseudo_labels": 1, **SELF_TRAINED}


def test_another_clip_length_of_an_evaluation_reruns_only_the_evaluation(run):
    run.change(set_key("evaluations/motionfit/clip_length", 6))
    assert run.plan().jobs == {"fine_tuning": 1, "retrieval": 1, **EVALUATED}


def test_the_number_of_test_clips_retrains_nothing(run):
    run.change(set_key("evaluations/motionfit/clips", 3))
    assert run.plan().jobs == {"retrieval": 1, **EVALUATED}


def test_another_evaluation_shares_the_finished_models(run):
    def add(config):
        config["evaluations"]["again"] = {**config["evaluations"]["motionfit"], "clip_length": 6}

    run.change(add)
    assert run.plan().jobs == {"fine_tuning": 1, "retrieval": 1, **EVALUATED}


def test_the_stride_of_features_does_not_rerun_the_motion_model(run):
    run.change(set_key("motion_models/motion/features", {"stride": 4}))
    jobs = run.plan().jobs
    assert jobs["features"] > 0
    assert jobs["pseudo_labels"] == 1
    assert not {"motion_model", "flow", "frames"} & set(jobs)


def test_the_motion_models_training_does_not_rerun_flow_or_the_random_model(run):
    run.change(set_key("motion_models/motion/training/seed", 1))
    jobs = run.plan().jobs
    assert jobs["motion_model"] == 1
    # The evaluations of the motion model and of MotionFit, but not that of the random model.
    assert jobs["recognition"] == jobs["retrieval"] == jobs["metrics"] == 2
    assert not {"flow", "frames", "random_model"} & set(jobs)


def test_another_weight_file_reruns_the_models_that_start_from_it(run):
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
    make(run, model)
    assert run.plan(model).nothing_to_do
    later = (run.folder / model).stat().st_mtime + 10
    os.utime(weights, (later, later))
    assert run.plan(model).nothing_to_do
    torch.save(video.r3d_18(weights=None).state_dict(), weights)  # new random weights
    assert run.plan(model).jobs == {"random_model": 1}


def shards_of(run) -> dict[str, list[str]]:
    import pandas as pd

    index = pd.read_csv(run.file("index/source.csv"), dtype=str, keep_default_na=False)
    return index.groupby("shard")["video"].apply(list).to_dict()


@pytest.fixture
def grown(run) -> tuple[Run, str]:
    """The run with one more video and a new index, and the shard of that video."""
    before = shards_of(run)
    assert len(before) > 1
    first = sorted((run.folder / "videos" / "unlabelled").glob("*.mp4"))[0]
    shutil.copy(first, first.with_name("a new ünicode {video} .mp4"))
    # The index comes first, since the other jobs depend on it.
    assert run.plan().jobs["index"] == 1
    assert run("--until", "index").status == 0
    after = shards_of(run)
    [shard] = [shard for shard in after if after[shard] != before.get(shard)]
    return run, shard


def test_an_added_video_reruns_its_shard_and_what_uses_the_whole_data_set(grown):
    run, shard = grown
    plan = run.plan()
    assert plan.jobs == {
        "frames": 1,
        "ledger": 1,
        "flow": 1,
        "duplicates": 1,
        "features": 1,
        "pseudo_labels": 1,
        **SELF_TRAINED,
    }
    assert f"results/flow/source/tvl1/{shard}.h5" in plan.text


@pytest.mark.long
def test_after_a_run_with_an_added_video_there_is_nothing_to_do(grown):
    run, _ = grown
    outcome = run()
    assert outcome.status == 0, outcome.text
    assert run.plan().nothing_to_do


def test_a_replaced_video_reruns_its_shard(run):
    first, second = sorted((run.folder / "videos" / "unlabelled").glob("*.mp4"))[:2]
    later = run.file("report/index.html").stat().st_mtime + 10
    os.utime(first, (later, later))
    assert run.plan().nothing_to_do  # only the date differs
    shutil.copy(second, first)
    assert run.plan().jobs["frames"] == 1


@pytest.mark.long
@pytest.mark.parametrize(("motion_split", "chains"), [("target", 2), (2, 1)])
def test_splits_share_a_motion_model_only_if_its_split_is_fixed(empty_run, motion_split, chains):
    """Two splits of a data set like UCF101 have one chain of models each, or share one."""
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
    # Both splits share the model, but retrieval uses the videos of each split.
    assert jobs["retrieval"] == 2
    assert jobs["flow"] == 2
