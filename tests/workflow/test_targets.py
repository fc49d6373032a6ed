"""A table or a figure is a target by its name."""

import pandas as pd
import pytest

from tests.workflow.runs import set_key

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
    plan = empty_run.plan("table2")  # of the evaluation's splits, those that are shown
    assert plan.jobs["table"] == plan.jobs["recognition"] == 1
    assert not {"metrics", "retrieval"} & set(plan.jobs)


@pytest.mark.parametrize(
    ("section", "name"), [("tables", "flow"), ("tables", "all"), ("figures", "tables")]
)
def test_a_name_that_a_rule_has_is_refused(empty_run, section, name):
    empty_run.change(set_key(section, {name: {"tables": TABLES["table2"], "figures": FIGURE}
                                       [section]}))  # fmt: skip
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
