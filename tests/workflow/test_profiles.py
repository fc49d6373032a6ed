"""Checks that the profiles fit the rules and the machine."""

import re

import pytest
import yaml
import yte
from snakemake.settings.types import MaxJobsPerTimespan

from tests.workflow.runs import ROOT


@pytest.mark.parametrize(("visible", "gpus"), [("2,3", 2), ("GPU-7f", 1), ("", 1)])
def test_a_workstation_runs_as_many_gpu_jobs_as_it_has_gpus(monkeypatch, visible, gpus):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    text = (ROOT / "profiles" / "default" / "config.yaml").read_text()
    assert yte.process_yaml(text)["resources"]["gpu"] == gpus


@pytest.mark.parametrize("profile", ["default", "slurm"])
def test_snakemake_does_not_look_at_the_ready_jobs_all_the_time(profile):
    text = (ROOT / "profiles" / profile / "config.yaml").read_text()
    limit = MaxJobsPerTimespan.parse_choice(yte.process_yaml(text)["max-jobs-per-timespan"])
    assert limit.timespan >= 10  # seconds
    assert limit.max_jobs / limit.timespan == 100  # Snakemake's default rate


def test_the_groups_of_the_cluster_have_only_rules_without_a_gpu():
    groups = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())["groups"]
    text = "\n".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    rules = dict(re.findall(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE))
    rules["plotted_table"] = rules["table"]
    for rule in groups:
        assert "gpu=" not in rules[rule], rule
