from collections import Counter

import pytest
import yaml

from motionfit.config import load_config
from motionfit.estimate import rates
from motionfit.estimate.stages import Run


@pytest.mark.long
def test_the_estimate_counts_the_jobs_of_a_run(whole_run, tmp_path, monkeypatch):
    # Each job has written a benchmark. A plan would not do: it ends at the index, before the shards
    # are known.
    folder = whole_run.file("benchmarks")
    made = Counter(path.relative_to(folder).parts[0] for path in folder.rglob("*.tsv"))
    made["report"] = made.pop("report.tsv")
    monkeypatch.setattr(rates, "BUDGET", 0.01)
    monkeypatch.chdir(whole_run.folder)
    config = load_config(yaml.safe_load(whole_run.config_file.read_text()))
    jobs = {cost.stage: cost.jobs for cost in Run(config, tmp_path).costs()}
    assert jobs.pop("metrics, tables, figures") == made.pop("metrics")
    assert jobs == made
