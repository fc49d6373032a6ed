from pathlib import Path

import yaml

from motionfit.config import load_config, over_base
from motionfit.graph import needed_by_run

ROOT = Path(__file__).resolve().parents[2]


def demo(**changes):
    return load_config(over_base(changes, ROOT))


def test_the_demo():
    found = needed_by_run(demo())
    assert set(found.datasets) == {"demo-target", "demo-source"}
    assert set(found.frames) == {("demo-target", (32, 40)), ("demo-source", (32, 40))}
    assert set(found.flow) == {("demo-target", "tvl1"), ("demo-source", "tvl1")}
    assert set(found.of("motion_model")) == {("motion", 1)}
    assert set(found.features) == {("motion", 1, "demo-source")}
    assert set(found.of("pseudo_labels")) == {("clusters", 1)}
    assert set(found.of("appearance_model")) == {("appearance", 1)}
    assert set(found.of("random_model")) == {("random", 1)}
    assert set(found.of("fine_tuning")) == {("motionfit", 1), ("random", 1)}
    assert len(found.of("recognition")) == len(found.of("retrieval")) == 3


def test_what_no_evaluation_needs_is_not_made():
    config = demo()
    random = {"random": config.evaluations["random"]}
    found = needed_by_run(config.model_copy(update={"evaluations": random}))
    assert set(found.frames) == {("demo-target", (32, 40))}
    assert not found.flow
    assert not found.of("motion_model")


def test_a_table_of_two_seeds_needs_of_the_copies_what_it_shows():
    table = {
        "title": "t",
        "columns": {"A": "recognition top1"},
        "seeds": 2,
        "splits": [1],
        "rows": {"gain": {"evaluation": "motionfit", "gain_over": "random"}},
    }
    once, found = needed_by_run(demo()), needed_by_run(demo(tables={"t": table}))
    assert (found.frames, found.flow) == (once.frames, once.flow)
    assert set(found.of("motion_model")) == {("motion", 1), ("motion.seed1", 1)}
    assert set(found.features) - set(once.features) == {("motion.seed1", 1, "demo-source")}
    copies = {("motionfit.seed1", 1), ("random.seed1", 1)}
    for rule in ("fine_tuning", "recognition"):
        assert set(found.of(rule)) - set(once.of(rule)) == copies
    assert (found.of("retrieval"), found.metrics) == (once.of("retrieval"), once.metrics)
    found = needed_by_run(
        demo(tables={"t": {**table, "splits": None}})
    )  # the table reads their metrics
    assert set(found.metrics) - set(once.metrics) == {"motionfit.seed1", "random.seed1"}
    assert len(found.of("retrieval")) == len(once.of("retrieval")) + 2


def test_a_table_or_figure_alone():
    row = {"evaluation": "random"}
    table = {"title": "t", "columns": {"A": "recognition top1"}, "splits": [1], "rows": {"r": row}}
    config = demo(tables={"t": table}, figures={"f": {"title": "f", "evaluation": "random"}})
    found = needed_by_run(config, ["t"])
    assert set(found.of("recognition")) == {("random", 1)}
    for others in (found.of("retrieval"), found.metrics, found.of("motion_model")):
        assert not others
    found = needed_by_run(config, ["f"])
    assert set(found.of("retrieval")) == {("random", 1)}
    assert not found.of("recognition")
    assert set(needed_by_run(config, ["t", "f"]).of("fine_tuning")) == {("random", 1)}


def test_the_paper_has_the_jobs_of_its_plan():
    """Those that docs/paper.md counts by Snakemake's own plan."""
    values = yaml.safe_load((ROOT / "configs" / "paper.yaml").read_text())
    found = needed_by_run(load_config(over_base(values, ROOT)))
    assert len(found.frames) == 7
    assert len(found.of("motion_model")) == 24
    assert len(found.features) == 7
    assert len(found.of("pseudo_labels")) == 19
    assert len(found.of("appearance_model")) == 31
    assert len(found.of("mers_model")) == len(found.of("random_model")) == 3
    assert len(found.of("fine_tuning")) == 57
    assert len(found.of("recognition")) == 75
    assert len(found.of("retrieval")) == 3
