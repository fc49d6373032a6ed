"""Runs Snakemake in folders of the tests."""

import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from motionfit.config import Demo
from motionfit.datasets.demo import render_videos

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Outcome:
    status: int
    text: str

    @property
    def jobs(self) -> dict[str, int]:
        """Number of jobs of each rule in a dry run, without the default target."""
        table = re.search(r"^job +count\n[- ]+\n(.*?)^total", self.text, re.DOTALL | re.MULTILINE)
        lines = table[1].splitlines() if table else []
        counts = {line.split()[0]: int(line.split()[1]) for line in lines}
        counts.pop("all", None)
        return counts

    @property
    def commands(self) -> list[list[str]]:
        """Arguments of `motionfit` for each job of a dry run that prints commands, in an order in
        which they can run. The option for the log file is left out."""
        lines = re.findall(r"python -m motionfit stage --log (.*)", self.text)
        return [["stage", *shlex.split(line)[1:]] for line in lines]

    @property
    def nothing_to_do(self) -> bool:
        return "Nothing to be done" in self.text


@dataclass(frozen=True)
class Run:
    """A folder in which Snakemake runs, with its config file."""

    folder: Path

    def __call__(self, *arguments: str) -> Outcome:
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
            cwd=self.folder,
        )
        return Outcome(done.returncode, done.stdout + done.stderr)

    def command(self, *arguments: str) -> list[str]:
        return [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(ROOT / "Snakefile"),
            "--directory",
            str(self.folder),
            "--configfile",
            str(self.config_file),
            "--cores",
            "2",
            *arguments,
        ]

    def plan(self, *arguments: str) -> Outcome:
        outcome = self("--dry-run", *arguments)
        assert outcome.status == 0, outcome.text
        return outcome

    @property
    def config_file(self) -> Path:
        return self.folder / "config.yaml"

    def change(self, change: Callable[[dict], None]) -> None:
        # Through JSON, so that sections that share a YAML anchor are changed separately.
        config = json.loads(json.dumps(yaml.safe_load(self.config_file.read_text())))
        change(config)
        self.config_file.write_text(yaml.safe_dump(config, sort_keys=False))

    def file(self, name: str) -> Path:
        return self.folder / "results" / name


def environment() -> dict[str, str]:
    """Environment of a shell with the tests' Python."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path}


def once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Makes a folder once for all test processes: the first one makes it, and the others wait."""
    done, lock = folder.with_suffix(".done"), folder.with_suffix(".lock")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            done.touch()
    return folder


def new_run(folder: Path) -> Run:
    """A run of the smallest config that has every stage, with an empty folder for the videos of the
    source."""
    (folder / "videos" / "unlabelled").mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("tiny.yaml"), folder / "config.yaml")
    return Run(folder)


def run_with_videos(folder: Path) -> Run:
    """Like `new_run`, with videos in the source."""
    run = new_run(folder)
    recipe = Demo(format="demo", unlabelled=2, frames=8, height=16, width=24, seed=2)
    render_videos(recipe, folder / "videos" / "labels.csv")
    return run


def set_key(path: str, value) -> Callable[[dict], None]:
    """For `Run.change`: sets the value at keys that are joined by '/'."""
    *parents, last = path.split("/")

    def change(config: dict) -> None:
        for key in parents:
            config = config[key]
        config[last] = value

    return change
