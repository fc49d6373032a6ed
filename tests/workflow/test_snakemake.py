"""What users of Snakemake expect of a workflow: its report, and its use as a module."""

import yaml

from tests.workflow.runs import ROOT


def test_snakemakes_own_report_shows_results_with_captions(whole_run, tmp_path):
    output = tmp_path / "report.html"
    outcome = whole_run("--report", str(output))
    assert outcome.status == 0, outcome.text
    html = output.read_text(encoding="utf-8")
    assert "Measures of the evaluation motionfit" in html
    assert "results, what each step learned" in html


def test_another_workflow_can_use_this_one_as_a_module(empty_run):
    config = yaml.safe_load(empty_run.config_file.read_text())
    snakefile = empty_run.folder / "Snakefile"
    snakefile.write_text(
        f"""
config = {config!r}

module motionfit:
    snakefile: {str(ROOT / "Snakefile")!r}
    config: config

use rule * from motionfit

rule own:
    input: "results/evaluations/motionfit/metrics.json"
    output: "own.txt"
    shell: "cp {{input}} {{output}}"
"""
    )
    outcome = empty_run("--dry-run", "--snakefile", str(snakefile), "own.txt")
    assert outcome.status == 0, outcome.text
    assert outcome.jobs["own"] == 1
    assert {"index", "fine_tuning", "metrics"} <= set(outcome.jobs)
