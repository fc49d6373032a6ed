"""Runs the pipeline with different seeds, for other benchmarks."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from motionfit.config import over_base

ROOT = Path(__file__).resolve().parents[1]


def read_config(path: Path) -> dict[str, Any]:
    """Reads a config file and lays it over its base."""
    values = over_base(yaml.safe_load(path.read_text()), ROOT)
    # Through JSON, so that sections that share a YAML anchor are changed separately.
    return json.loads(json.dumps(values))


def with_seed(config: Any, seed: int, datasets: bool) -> Any:
    """A copy of a config in which 1000 * `seed` is added to every `seed` and `label_seed`. The
    seeds of data sets change only if `datasets`."""
    if isinstance(config, dict):
        return {
            key: value + 1000 * seed
            if key in ("seed", "label_seed")
            else value
            if key == "datasets" and not datasets
            else with_seed(value, seed, datasets)
            for key, value in config.items()
        }
    return config


def run(config: dict, folder: Path, cores: str) -> dict[str, dict[str, float]]:
    """Runs the pipeline in a folder. Returns for each evaluation the means of its measures."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(ROOT / "Snakefile"),
            "--directory",
            str(folder),
            "--configfile",
            str(folder / "config.yaml"),
            "--cores",
            cores,
            "--quiet",
            "rules",
        ],
        check=True,
        env=os.environ | {"PATH": path},
    )
    measures = {}
    for evaluation in config["evaluations"]:
        file = folder / "results" / "evaluations" / evaluation / "metrics.json"
        metrics = json.loads(file.read_text())
        measures[evaluation] = {name: value["mean"] for name, value in metrics.items()}
    return measures


def print_table(title: str, runs: list[dict[str, dict[str, float]]], measures: list[str]) -> None:
    """Prints one table per measure: one row per evaluation, one column per seed, and the mean and
    standard deviation."""
    for measure in measures:
        table = Table("evaluation", title=f"{title}: {measure}, %", title_justify="left")
        for i in range(len(runs)):
            table.add_column(f"seed {i}", justify="right")
        table.add_column("mean ± sd", justify="right")
        for evaluation in runs[0]:
            if measure not in runs[0][evaluation]:
                continue
            values = 100 * np.array([run[evaluation][measure] for run in runs])
            spread = f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else ""
            table.add_row(
                evaluation, *(f"{value:.1f}" for value in values), f"{values.mean():.1f}{spread}"
            )
        Console(width=100).print(table)
