"""Commands that share a machine never share a GPU: real processes, and GPUs that are only names."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cyclopts import App

from motionfit import cli, gpus

COMMAND = """
import os, sys
from pathlib import Path
from motionfit import gpus

gpus.LOCKS = Path(sys.argv[1])
there = sys.argv[3].split(",") if sys.argv[3] else None
gpus.devices = gpus.devices if there is None else lambda: there
gpus.own_gpus(int(sys.argv[2]))
print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""
Process = subprocess.Popen
Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path) -> Iterator[Start]:
    """Starts a command that asks for GPUs, of those that are there or that the environment names,
    and holds them until it is ended."""
    started = []

    def start(count: int, there: str = "", **environment: str) -> Process:
        given = {k: v for k, v in os.environ.items() if k not in (gpus.VISIBLE, "LOCAL_RANK")}
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(tmp_path), str(count), there],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=given | environment,
            cwd=Path(__file__).resolve().parents[1],
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def sees(process: Process) -> str:
    """What it sees, once it has what it asked for."""
    return process.stdout.readline().strip()


def waits(process: Process) -> bool:
    ready, _, _ = select.select([process.stdout], [], [], 2)
    return not ready and process.poll() is None


def test_each_has_its_own_and_the_next_waits_until_one_is_killed(start):
    first, second = start(1, "0,1"), start(1, "0,1")
    seen = {sees(first), sees(second)}
    assert seen == {"0", "1"}
    third = start(1, "0,1")
    assert waits(third)
    first.send_signal(signal.SIGKILL)
    freed = sees(third)
    assert freed in seen
    assert second.poll() is None


def test_who_wants_two_waits_without_holding_one(start):
    first = start(1, "0,1")
    mine = sees(first)
    both = start(2, "0,1")
    assert waits(both)
    other = start(1, "0,1")
    assert {mine, sees(other)} == {"0", "1"}
    for process in (first, other):
        process.kill()
    assert sees(both) == "0,1"


def test_who_wants_none_takes_and_sees_none(start):
    assert sees(start(0, "0")) == ""
    assert sees(start(0, CUDA_VISIBLE_DEVICES="1")) == ""
    assert sees(start(1, "0")) == "0"


def test_what_a_scheduler_has_set_is_kept(start):
    """Even twice: of two jobs on a node each may call its own GPU 0."""
    assert sees(start(1, CUDA_VISIBLE_DEVICES="0")) == "0"
    assert sees(start(1, CUDA_VISIBLE_DEVICES="0")) == "0"
    assert sees(start(2, CUDA_VISIBLE_DEVICES="GPU-2a,GPU-3b")) == "GPU-2a,GPU-3b"


def test_of_more_than_are_asked_for_some_are_chosen(start):
    names = "GPU-2a,MIG-3b/1"
    jobs = [start(1, CUDA_VISIBLE_DEVICES=names) for _ in range(2)]
    assert {sees(job) for job in jobs} == set(names.split(","))


def test_processes_of_a_training_have_those_of_the_first(start):
    assert sees(start(2, "0,1,2,3")) == "0,1"
    assert sees(start(2, CUDA_VISIBLE_DEVICES="0,1", LOCAL_RANK="1")) == "0,1"


def test_too_few_are_left_to_the_command_to_complain_of(start):
    assert sees(start(2, "0")) == "None"
    assert sees(start(1)) in ("None", *map(str, range(16)))  # as this machine has them


def test_the_command_line_takes_them_before_the_stage_runs(monkeypatch):
    asked = []

    def features() -> None:
        asked.append("runs")

    monkeypatch.setattr(cli, "own_gpus", asked.append)
    stages = App(name="stages")
    stages.command(features, name="features")
    monkeypatch.setattr(cli, "stages", stages)
    assert cli.main(["stage", "--gpus", "1", "features"]) == 0
    assert cli.main(["stage", "--gpus", "0", "features"]) == 0
    assert cli.main(["stage", "features"]) == 0
    assert asked == [1, "runs", 0, "runs", "runs"]
