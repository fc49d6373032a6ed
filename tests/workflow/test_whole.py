"""A whole run by Snakemake alone. Other tests start from one that `make_all` made."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml

from motionfit.config import load_config
from motionfit.estimate import rates
from motionfit.estimate.stages import Run as EstimatedRun
from motionfit.stage_names import STAGES
from tests.faults.same import same_results
from tests.workflow.runs import Run, make_all, unstarted

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def by_snakemake(whole_run, tmp_path_factory) -> Run:
    run = unstarted(whole_run, tmp_path_factory.mktemp("whole") / "run")
    outcome = run("--cores", "1")  # as `make_all`: another number of threads rounds otherwise
    assert outcome.status == 0, outcome.text
    return run


def test_it_has_the_results_of_the_commands_of_its_plan(by_snakemake, tmp_path):
    """With the same rendered videos, since the encoder may give other bytes in another process."""
    other = unstarted(by_snakemake, tmp_path / "run")
    shutil.copytree(by_snakemake.file("demo"), other.file("demo"))
    make_all(other)
    same_results(by_snakemake, other)


def test_every_job_has_a_log_and_a_benchmark(by_snakemake):
    logs = named(by_snakemake.file("logs"), ".log")
    assert logs == named(by_snakemake.file("benchmarks"), ".tsv")
    stages = {name.split("/")[0] for name in logs}
    assert stages == STAGES.keys() - {"taught_model", "table", "retrieval_figure"}


def named(folder: Path, suffix: str) -> set[str]:
    """Names of the files below a folder, without their suffix."""
    paths = (path.relative_to(folder) for path in folder.rglob(f"*{suffix}"))
    return {str(path.with_suffix("")) for path in paths}


def test_the_jobs_are_those_of_the_estimate(by_snakemake, tmp_path, monkeypatch):
    """Each job has a benchmark. (A plan of a new run ends at the index, before the shards are
    known.)"""
    folder = by_snakemake.file("benchmarks")
    made = Counter(path.relative_to(folder).parts[0] for path in folder.rglob("*.tsv"))
    made["report"] = made.pop("report.tsv")
    monkeypatch.setattr(rates, "BUDGET", 0.01)
    monkeypatch.chdir(by_snakemake.folder)
    config = load_config(yaml.safe_load(by_snakemake.config_file.read_text()))
    jobs = {found.stage: found.jobs for found in EstimatedRun(config, tmp_path).costs()}
    assert jobs.pop("metrics, tables, figures") == made.pop("metrics")
    assert jobs == made
