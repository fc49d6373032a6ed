from pathlib import Path

import yaml

from motionfit.config import load_config, over_base
from motionfit.graph import needed_by_run

ROOT = Path(__file__).resolve().parents[2]


def demo(**changes):
    return load_config(over_base(changes, ROOT))


def test_the_demo_needs_all_its_artefacts():
    needed = needed_by_run(demo())
    assert set(needed.datasets) == {"demo-target", "demo-source"}
    assert set(needed.of("frames")) == {("demo-target", "32x40"), ("demo-source", "32x40")}
    assert set(needed.of("flow")) == {("demo-target", "tvl1"), ("demo-source", "tvl1")}
    assert set(needed.of("motion_model")) == {("motion", 1)}
    assert set(needed.of("features")) == {("motion", 1, "demo-source")}
    assert set(needed.of("pseudo_labels")) == {("clusters", 1)}
    assert set(needed.of("appearance_model")) == {("appearance", 1)}
    assert set(needed.of("random_model")) == {("random", 1)}
    assert set(needed.of("fine_tuning")) == {("motionfit", 1), ("random", 1)}
    assert len(needed.of("recognition")) == len(needed.of("retrieval")) == 3


def test_artefacts_that_no_evaluation_needs_are_not_made():
    config = demo()
    random = {"random": config.evaluations["random"]}
    needed = needed_by_run(config.model_copy(update={"evaluations": random}))
    assert set(needed.of("frames")) == {("demo-target", "32x40")}
    assert not needed.of("flow")
    assert not needed.of("motion_model")


def test_a_table_of_two_seeds_needs_only_the_copies_that_it_shows():
    table = {
        "title": "t",
        "columns": {"A": "recognition top1"},
        "seeds": 2,
        "splits": [1],
        "rows": {"gain": {"evaluation": "motionfit", "gain_over": "random"}},
    }
    once, needed = needed_by_run(demo()), needed_by_run(demo(tables={"t": table}))
    assert (needed.of("frames"), needed.of("flow")) == (once.of("frames"), once.of("flow"))
    assert set(needed.of("motion_model")) == {("motion", 1), ("motion.seed1", 1)}
    assert set(needed.of("features")) - set(once.of("features")) == {
        ("motion.seed1", 1, "demo-source")
    }
    copies = {("motionfit.seed1", 1), ("random.seed1", 1)}
    for rule in ("fine_tuning", "recognition"):
        assert set(needed.of(rule)) - set(once.of(rule)) == copies
    assert (needed.of("retrieval"), needed.of("metrics")) == (
        once.of("retrieval"),
        once.of("metrics"),
    )
    # Without splits, the table reads the metrics of the copies.
    needed = needed_by_run(demo(tables={"t": {**table, "splits": None}}))
    assert set(needed.of("metrics")) - set(once.of("metrics")) == {
        ("motionfit.seed1",),
        ("random.seed1",),
    }
    assert len(needed.of("retrieval")) == len(once.of("retrieval")) + 2


def test_a_single_table_or_figure_needs_only_its_own_evaluations():
    row = {"evaluation": "random"}
    table = {"title": "t", "columns": {"A": "recognition top1"}, "splits": [1], "rows": {"r": row}}
    config = demo(tables={"t": table}, figures={"f": {"title": "f", "evaluation": "random"}})
    needed = needed_by_run(config, ["t"])
    assert set(needed.of("recognition")) == {("random", 1)}
    for others in (needed.of("retrieval"), needed.of("metrics"), needed.of("motion_model")):
        assert not others
    needed = needed_by_run(config, ["f"])
    assert set(needed.of("retrieval")) == {("random", 1)}
    assert not needed.of("recognition")
    assert set(needed_by_run(config, ["t", "f"]).of("fine_tuning")) == {("random", 1)}


def test_the_paper_config_needs_the_jobs_of_snakemakes_plan():
    """docs/paper.md counts the jobs of Snakemake's plan."""
    values = yaml.safe_load((ROOT / "configs" / "paper.yaml").read_text())
    needed = needed_by_run(load_config(over_base(values, ROOT)))
    assert len(needed.of("frames")) == 7
    assert len(needed.of("motion_model")) == 24
    assert len(needed.of("features")) == 7
    assert len(needed.of("pseudo_labels")) == 19
    assert len(needed.of("appearance_model")) == 31
    assert len(needed.of("taught_model")) == len(needed.of("random_model")) == 3
    assert len(needed.of("fine_tuning")) == 57
    assert len(needed.of("recognition")) == 75
    assert len(needed.of("retrieval")) == 3
