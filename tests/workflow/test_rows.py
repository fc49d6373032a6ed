"""Computes one row of each kind in the paper's tables with the workflow."""

import csv

import pytest

from motionfit.cli import main
from tests.workflow.runs import Run, set_key

NETWORK = {"backbone": "r2plus1d_small", "clip_length": 4}
TRAINING = {
    "epochs": 1,
    "milestones": [],
    "batch_size": 8,
    "clips_per_video": 2,
    "crop": 16,
    "flip": False,
}


def add_rows(config: dict) -> None:
    """Adds rows of different kinds: a motion model on RGB with the clip-order loss; an appearance
    model that learns its pseudo-labels of segments, with those of the neighbours and balanced
    classes; MERS; MARS with a part of the labels; and retrieval alone."""
    config["defaults"] = {
        "appearance_models": {
            "pseudo_labels": None,
            "network": NETWORK,
            "frame_size": [16, 24],
            "training": TRAINING,
        },
        "evaluations": {
            "dataset": "target",
            "clip_length": 4,
            "clips": 2,
            "fine_tuning": TRAINING,
            "measures": ["recognition"],
        },
    }
    config["labelled_parts"] = {
        "half": {"label_fraction": 0.5, "label_unit": "video"},
        "most": {"label_fraction": 0.8, "label_seed": 1},
    }
    config["motion_models"]["rgb"] = {
        "dataset": "target",
        "flow": None,
        "frame_size": [16, 24],
        "network": NETWORK,
        "training": {**TRAINING, "multi_clip_weight": 0.5, "clip_gap": 0},
        "labelled_part": "half",
        "features": {"stride": 2},
    }
    config["pseudo_labels"]["segments"] = {
        "motion_model": "rgb",
        "dataset": "target",
        "videos": "unlabelled",
        "clusters": 2,
        "granularity": "segment_equal",
        "segments": 2,
        "pca": 3,
        "normalise": True,
    }
    config["appearance_models"] |= {
        "neighbours": {
            "pseudo_labels": "segments",
            "training": {**TRAINING, "neighbours": "sum", "balanced": True},
        },
        "mers": {"mers": {"motion_model": "motion", "dataset": "source"}},
    }
    mars = {"layers": "all", "mars": {"motion_model": "motion"}}
    config["evaluations"] |= {
        "rgb": {"model": "rgb", "fine_tuning": None},
        "neighbours": {"model": "neighbours"},
        "mers": {"model": "mers"},
        "mars": {"model": "random", "fine_tuning": mars, "labelled_part": "most"},
        "look": {"model": "mers", "measures": ["retrieval"]},
    }
    for name in ("motionfit", "random", "motion"):
        config["evaluations"][name]["measures"] = ["recognition", "retrieval"]
    rows = {name: {"evaluation": name} for name in ("rgb", "neighbours", "mers", "mars")}
    rows["mars"]["published"] = {"top-1": 61.0}
    config["tables"] = {
        "rows": {"title": "Rows", "columns": {"top-1": "recognition top1"}, "rows": rows},
        "retrieved": {
            "title": "Found",
            "columns": {"R@1": "retrieval clip R@1"},
            "rows": {"mers": {"evaluation": "look"}},
        },
    }


def check_numbers(run: Run) -> None:
    """Asserts that each row has a number, and that further changes rerun only what depends on
    them."""
    for table, rows in (("rows", 4), ("retrieved", 1)):
        with run.file(f"tables/{table}.csv").open(newline="") as file:
            values = [float(row["measured"]) for row in csv.DictReader(file)]
        assert len(values) == rows
        assert all(0 <= value <= 100 for value in values)
    # A model on flow does not use the option frame_size.
    run.change(set_key("motion_models/motion/frame_size", [48, 64]))
    assert run.plan("--", "tables").nothing_to_do
    # Another motion model reruns the models that learn from it.
    run.change(set_key("motion_models/motion/training/seed", 7))
    planned = run.plan("--", "rows").jobs
    assert planned["motion_model"] == planned["taught_model"] == 1
    assert planned["fine_tuning"] == 2  # of MERS and of MARS
    assert "appearance_model" not in planned  # its pseudo-labels come from the network on RGB


def test_a_row_of_each_kind_gets_a_number(run: Run, monkeypatch):
    """Runs the commands of Snakemake's plan one after the other in this process, since starting
    Python for each takes longer than its computation."""
    run.change(add_rows)
    planned = run.plan("--", "retrieved").jobs
    assert planned["taught_model"] == planned["retrieval"] == 1
    assert "recognition" not in planned
    plan = run.plan("--printshellcmds", "--", "tables")
    assert len(plan.commands) == sum(plan.jobs.values()) - 1  # `tables` runs none
    monkeypatch.chdir(run.folder)
    for command in plan.commands:
        assert main(command) == 0, command
    check_numbers(run)


@pytest.mark.long
def test_a_row_of_each_kind_gets_a_number_by_snakemake(run: Run):
    run.change(add_rows)
    outcome = run("--", "tables")
    assert outcome.status == 0, outcome.text
    check_numbers(run)
