"""Snakemake runs in folders of their own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Outcome:
    status: int
    text: str

    @property
    def jobs(self) -> dict[str, int]:
        """Rule to number of jobs of a dry run, without the target itself."""
        table = re.search(r"^job +count\n[- ]+\n(.*?)^total", self.text, re.DOTALL | re.MULTILINE)
        lines = table[1].splitlines() if table else []
        counts = {line.split()[0]: int(line.split()[1]) for line in lines}
        counts.pop("all", None)
        return counts

    @property
    def nothing_to_do(self) -> bool:
        return "Nothing to be done" in self.text


@dataclass(frozen=True)
class Run:
    """A folder in which snakemake runs, and the config it runs with."""

    folder: Path

    def __call__(self, *arguments: str) -> Outcome:
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        }
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"),
             "--directory", str(self.folder), "--configfile", str(self.config_file),
             "--cores", "2", *arguments],
            capture_output=True, text=True, check=False, env=environment, cwd=self.folder,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout + done.stderr)

    def plan(self, *arguments: str) -> Outcome:
        outcome = self("--dry-run", *arguments)
        assert outcome.status == 0, outcome.text
        return outcome

    @property
    def config_file(self) -> Path:
        return self.folder / "config.yaml"

    def change(self, change: Callable[[dict], None]) -> None:
        config = yaml.safe_load(self.config_file.read_text())
        change(config)
        self.config_file.write_text(yaml.safe_dump(config, sort_keys=False))

    def file(self, name: str) -> Path:
        return self.folder / "results" / name


def new_run(folder: Path) -> Run:
    """A run of the smallest config that has every stage, on videos of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name("tiny.yaml"), folder / "config.yaml")
    return Run(folder)


@pytest.fixture
def empty_run(tmp_path) -> Run:
    return new_run(tmp_path / "run")


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory) -> Run:
    """A run that went from videos to the report: not to be changed, but copied."""
    from motionfit.config import Demo
    from motionfit.datasets.demo import render_demo

    run = new_run(tmp_path_factory.mktemp("whole") / "run")
    recipe = Demo(format="demo", unlabelled=2, frames=8, height=16, width=24, seed=2)
    render_demo(recipe, run.folder / "videos")
    outcome = run()
    assert outcome.status == 0, outcome.text
    return run


@pytest.fixture
def run(whole_run, tmp_path) -> Run:
    """A copy of the whole run, to change."""
    shutil.copytree(whole_run.folder, tmp_path / "run")
    return Run(tmp_path / "run")
