"""Checks that the profiles fit the rules and the machine."""

import re

import pytest
import yaml
import yte

from tests.workflow.runs import ROOT


@pytest.mark.parametrize(("visible", "gpus"), [("2,3", 2), ("GPU-7f", 1), ("", 1)])
def test_a_workstation_runs_as_many_gpu_jobs_as_it_has_gpus(monkeypatch, visible, gpus):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    text = (ROOT / "profiles" / "default" / "config.yaml").read_text()
    assert yte.process_yaml(text)["resources"]["gpu"] == gpus


def test_the_groups_of_the_cluster_have_only_rules_without_a_gpu():
    groups = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())["groups"]
    text = "\n".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    rules = dict(re.findall(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE))
    rules["plotted_table"] = rules["table"]
    for rule in groups:
        assert "gpu=" not in rules[rule], rule
