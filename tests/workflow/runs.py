"""Runs Snakemake in folders of the tests."""

import fcntl
import json
import multiprocessing
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import yaml

from motionfit.cli import main
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
        """The arguments of `motionfit` in each job of a dry run that prints commands, in an order
        in which they can run."""
        lines = re.findall(r"python -m motionfit (stage .*)", self.text)
        return [shlex.split(line) for line in lines]

    @property
    def nothing_to_do(self) -> bool:
        return "Nothing to be done" in self.text


@dataclass(frozen=True)
class Run:
    """A folder in which Snakemake runs, with its config file."""

    folder: Path

    def __call__(self, *arguments: str) -> Outcome:
        """Runs Snakemake as `command` does, in a fork of a process that has imported it already:
        importing takes longer than planning."""
        with tempfile.NamedTemporaryFile("r") as output:
            process = FORKS.Process(
                target=snakemake,
                args=(self.command(*arguments)[3:], self.folder, environment(), output.name),
            )
            process.start()
            process.join()
            return Outcome(process.exitcode, output.read())

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
            "--max-jobs-per-timespan",
            "100/1s",  # Snakemake returns this long after the end, and the profile has 10 seconds
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


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.workflow.planning", __name__])


def snakemake(arguments: list[str], folder: Path, variables: dict[str, str], output: str) -> None:
    """Ends this process as Snakemake's command ends, with all it prints in a file."""
    from snakemake.cli import main

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    with Path(output).open("w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    main(arguments)


def environment() -> dict[str, str]:
    """Environment of a shell with the tests' Python."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path}


def unstarted(run: Run, folder: Path) -> Run:
    """A run of the same videos and config that has made nothing."""
    shutil.copytree(run.folder, folder, ignore=shutil.ignore_patterns("results", ".snakemake"))
    return Run(folder)


INDEXES = ("results/index/target.csv", "results/index/source.csv")


def make(run: Run, *targets: str) -> None:
    """Makes what Snakemake would make, by the commands of its jobs with one thread, one after the
    other in this process. Starting Python and PyTorch for each job takes longer than the job."""
    plan = run.plan("--cores", "1", "--printshellcmds", "--", *targets)
    with chdir(run.folder):
        for command in plan.commands:
            assert main(command) == 0, command


def make_all(run: Run, *targets: str) -> None:
    """Makes the indexes of a run, and then the jobs that depend on them."""
    make(run, *INDEXES)
    make(run, *targets)
    assert run.plan("--", *targets).nothing_to_do


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
