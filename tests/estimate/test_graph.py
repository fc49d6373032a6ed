from pathlib import Path

import yaml

from motionfit.config import load_config, over_base
from motionfit.estimate.graph import needed

ROOT = Path(__file__).resolve().parents[2]


def demo(**changes):
    return load_config(over_base(changes, ROOT))


def test_the_demo():
    found = needed(demo())
    assert found.datasets == {"demo-target", "demo-source"}
    assert found.frames == {("demo-target", (32, 40)), ("demo-source", (32, 40))}
    assert found.flow == {("demo-target", "tvl1"), ("demo-source", "tvl1")}
    assert found.motion_models == {("motion", 1)}
    assert found.features == {("motion", 1, "demo-source")}
    assert found.pseudo_labels == {("clusters", 1)}
    assert found.appearance_models == {("appearance", 1)}
    assert found.random_models == {("random", 1)}
    assert found.fine_tuning == {("motionfit", 1), ("random", 1)}
    assert len(found.recognition) == len(found.retrieval) == 3


def test_what_no_evaluation_needs_is_not_made():
    config = demo()
    random = {"random": config.evaluations["random"]}
    found = needed(config.model_copy(update={"evaluations": random}))
    assert found.frames == {("demo-target", (32, 40))}
    assert not found.flow
    assert not found.motion_models


def test_a_table_of_two_seeds_needs_of_the_copies_what_it_shows():
    table = {
        "title": "t",
        "columns": {"A": "recognition top1"},
        "seeds": 2,
        "splits": [1],
        "rows": {"gain": {"evaluation": "motionfit", "gain_over": "random"}},
    }
    once, found = needed(demo()), needed(demo(tables={"t": table}))
    assert (found.frames, found.flow) == (once.frames, once.flow)
    assert found.motion_models == {("motion", 1), ("motion.seed1", 1)}
    assert found.features - once.features == {("motion.seed1", 1, "demo-source")}
    assert found.fine_tuning - once.fine_tuning == {("motionfit.seed1", 1), ("random.seed1", 1)}
    assert found.recognition - once.recognition == found.fine_tuning - once.fine_tuning
    assert (found.retrieval, found.metrics) == (once.retrieval, once.metrics)
    found = needed(demo(tables={"t": {**table, "splits": None}}))  # the table reads their metrics
    assert found.metrics - once.metrics == {"motionfit.seed1", "random.seed1"}
    assert len(found.retrieval) == len(once.retrieval) + 2


def test_a_table_or_figure_alone():
    row = {"evaluation": "random"}
    table = {"title": "t", "columns": {"A": "recognition top1"}, "splits": [1], "rows": {"r": row}}
    config = demo(tables={"t": table}, figures={"f": {"title": "f", "evaluation": "random"}})
    found = needed(config, ["t"])
    assert found.recognition == {("random", 1)}
    for others in (found.retrieval, found.metrics, found.motion_models):
        assert not others
    found = needed(config, ["f"])
    assert found.retrieval == {("random", 1)}
    assert not found.recognition
    assert needed(config, ["t", "f"]).fine_tuning == {("random", 1)}


def test_the_paper_has_the_jobs_of_its_plan():
    """Those that docs/paper.md counts by Snakemake's own plan."""
    values = yaml.safe_load((ROOT / "configs" / "paper.yaml").read_text())
    found = needed(load_config(over_base(values, ROOT)))
    assert len(found.frames) == 7
    assert len(found.motion_models) == 24
    assert len(found.features) == 7
    assert len(found.pseudo_labels) == 19
    assert len(found.appearance_models) == 31
    assert len(found.mers_models) == len(found.random_models) == 3
    assert len(found.fine_tuning) == 57
    assert len(found.recognition) == 75
    assert len(found.retrieval) == 3
