"""The name of a table or figure is a target."""

import re

import pandas as pd
import pytest

from tests.workflow.runs import INDEXES, make, run_with_videos, set_key

TABLES = {
    "table1": {
        "title": "Transfer",
        "columns": {"top-1": "recognition top1", "R@1": "retrieval clip R@1"},
        "rows": {
            "ours": {"evaluation": "motionfit", "published": {"top-1": 50.5}, "x": 4},
            "flow": {"evaluation": {"R@1": "motion"}, "x": 8},
            "quoted": {"published": {"top-1": 40}, "note": "of 'others' & {more}"},
        },
        "axis": "clusters",
    },
    "table2": {
        "title": "From scratch",
        "columns": {"top-1": "recognition top1"},
        "rows": {"random": {"evaluation": "random"}},
    },
}
FIGURE = {"title": "Found", "evaluation": "random", "queries": 2, "neighbours": 3}


def evaluations(plan) -> set[str]:
    names = ("motionfit", "random", "motion")
    return {name for name in names if f"results/evaluations/{name}/metrics.json" in plan.text}


def test_a_table_plans_exactly_the_evaluations_that_it_shows(empty_run):
    empty_run.change(set_key("tables", TABLES))
    empty_run.change(set_key("figures", {"figure1": FIGURE}))
    plan = empty_run.plan("table1")
    assert evaluations(plan) == {"motionfit", "motion"}
    assert plan.jobs["plotted_table"] == 1
    assert "report" not in plan.jobs
    plan = empty_run.plan("table2")
    assert evaluations(plan) == {"random"}
    assert plan.jobs["table"] == plan.jobs["metrics"] == plan.jobs["recognition"] == 1
    assert not {"motion_model", "appearance_model", "plotted_table"} & set(plan.jobs)
    plan = empty_run.plan("figure1")
    assert not evaluations(plan)
    assert plan.jobs["retrieval_figure"] == plan.jobs["retrieval"] == 1
    plan = empty_run.plan("tables")
    assert {"plotted_table", "table", "retrieval_figure"} <= set(plan.jobs)
    assert evaluations(plan) == {"motionfit", "random", "motion"}
    empty_run.change(set_key("tables/table2/splits", [1]))
    plan = empty_run.plan("table2")  # only the splits that the table shows
    assert plan.jobs["table"] == plan.jobs["recognition"] == 1
    assert not {"metrics", "retrieval"} & set(plan.jobs)


def of_seeds(seeds: int, *evaluations: str) -> dict:
    return {
        "title": "Seeds",
        "columns": {"top-1": "recognition top1"},
        "splits": [1],
        "seeds": seeds,
        "rows": {name: {"evaluation": name} for name in evaluations},
    }


def test_a_table_of_two_seeds_needs_everything_but_the_data_twice(tmp_path):
    run = run_with_videos(tmp_path / "run")
    make(run, *INDEXES)
    run.change(set_key("tables", {"seeds": of_seeds(2, "motionfit", "motion")}))
    plan = run.plan("--", "seeds")
    shards = {"target": 2, "source": 2}
    assert plan.jobs == {
        "frames": sum(shards.values()),
        "flow": sum(shards.values()),
        "ledger": 2,
        "motion_model": 2,
        "motion_judgement": 2,
        "features": 2 * shards["source"],
        "pseudo_labels": 2,
        "appearance_model": 2,
        "fine_tuning": 2,
        "recognition": 4,
        "table": 1,
        "seeds": 1,
    }
    for name in (
        "results/models/motion.seed1/split1/model.pt",
        "results/evaluations/motionfit.seed1/split1/recognition.json",
    ):
        assert name in plan.text
    # The report evaluates the config as written; of the copies, only what its tables show.
    jobs = run.plan().jobs
    assert jobs["retrieval"] == jobs["metrics"] == 3
    assert jobs["recognition"] == 5


def test_an_evaluation_with_the_name_of_a_copy_is_refused(empty_run):
    empty_run.change(set_key("tables", {"seeds": of_seeds(2, "motion")}))
    motion = {"model": "motion", "dataset": "target", "fine_tuning": None}
    empty_run.change(set_key("evaluations/motion.seed1", motion))
    outcome = empty_run("--dry-run", "seeds")
    assert outcome.status != 0
    assert "evaluations.motion.seed1: this is the name of a copy for another seed" in outcome.text
    assert "Traceback" not in outcome.text


def test_the_command_of_a_table_gets_the_evaluations_that_leak(empty_run):
    table = of_seeds(1, "motionfit", "random")
    empty_run.change(set_key("tables", {"seeds": table}))
    assert "--leaking" not in empty_run.plan("--printshellcmds", "--", "seeds").text
    empty_run.change(set_key("pseudo_labels/clusters/dataset", "target"))
    empty_run.change(set_key("pseudo_labels/clusters/videos", "all"))  # test videos too
    plan = empty_run.plan("--printshellcmds", "--", "seeds")
    assert re.search(r"--leaking motionfit +--output results/tables/seeds\.md", plan.text)


@pytest.mark.parametrize(
    ("section", "name"), [("tables", "flow"), ("tables", "all"), ("figures", "tables")]
)
def test_a_table_or_figure_with_the_name_of_a_rule_is_refused(empty_run, section, name):
    empty_run.change(
        set_key(section, {name: {"tables": TABLES["table2"], "figures": FIGURE}[section]})
    )
    outcome = empty_run("--dry-run", name)
    assert outcome.status != 0
    assert f"{section}.{name}: a rule of the workflow has this name already" in outcome.text
    assert "Traceback" not in outcome.text


def test_tables_and_figures_are_made_and_are_in_the_report(run):
    run.change(set_key("tables", TABLES))
    run.change(set_key("figures", {"figure1": FIGURE}))
    outcome = run()
    assert outcome.status == 0, outcome.text
    assert "of 'others' & {more}" in run.file("tables/table1.csv").read_text()
    values = pd.read_csv(run.file("tables/table1.csv"))
    assert list(dict.fromkeys(values["row"])) == ["ours", "flow", "quoted"]
    assert "50.5" in run.file("tables/table1.md").read_text()
    assert "<svg" in run.file("tables/table1.svg").read_text()
    assert not run.file("tables/table2.svg").exists()
    assert run.file("figures/figure1.png").read_bytes().startswith(b"\x89PNG")
    assert '<section id="tables">' in run.file("report/index.html").read_text(encoding="utf-8")
    assert run.plan().nothing_to_do
    run.change(set_key("tables/table2/rows/random/published", {"top-1": 12.0}))
    assert run.plan().jobs == {"table": 1, "report": 1}
    run.file("tables/table1.svg").unlink()
    assert run.plan("table1").jobs["plotted_table"] == 1
