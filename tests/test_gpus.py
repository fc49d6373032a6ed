"""Commands on one machine never share a GPU. The tests start real processes with fake GPUs."""

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
    """Starts a command that asks for `count` of the GPUs `there` (names that are joined by commas)
    or of those that the environment names, and holds them until it ends."""
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


def visible_gpus(process: Process) -> str:
    """Waits until a command has its GPUs, and returns their names."""
    return process.stdout.readline().strip()


def waits(process: Process) -> bool:
    """Whether a command is still waiting for its GPUs after two seconds."""
    ready, _, _ = select.select([process.stdout], [], [], 2)
    return not ready and process.poll() is None


def test_each_command_has_its_own_gpu_and_the_next_waits_until_one_is_killed(start):
    first, second = start(1, "0,1"), start(1, "0,1")
    seen = {visible_gpus(first), visible_gpus(second)}
    assert seen == {"0", "1"}
    third = start(1, "0,1")
    assert waits(third)
    first.send_signal(signal.SIGKILL)
    freed = visible_gpus(third)
    assert freed in seen
    assert second.poll() is None


def test_a_command_that_waits_for_two_gpus_does_not_hold_one(start):
    first = start(1, "0,1")
    first_gpu = visible_gpus(first)
    both = start(2, "0,1")
    assert waits(both)
    other = start(1, "0,1")
    assert {first_gpu, visible_gpus(other)} == {"0", "1"}
    for process in (first, other):
        process.kill()
    assert visible_gpus(both) == "0,1"


def test_a_command_that_wants_no_gpu_gets_none(start):
    assert visible_gpus(start(0, "0")) == ""
    assert visible_gpus(start(0, CUDA_VISIBLE_DEVICES="1")) == ""
    assert visible_gpus(start(1, "0")) == "0"


def test_gpus_that_a_scheduler_has_set_are_kept(start):
    """Two jobs may both have GPU 0, since each job on a node may number its GPUs from 0."""
    assert visible_gpus(start(1, CUDA_VISIBLE_DEVICES="0")) == "0"
    assert visible_gpus(start(1, CUDA_VISIBLE_DEVICES="0")) == "0"
    assert visible_gpus(start(2, CUDA_VISIBLE_DEVICES="GPU-2a,GPU-3b")) == "GPU-2a,GPU-3b"


def test_a_command_takes_only_as_many_of_the_visible_gpus_as_it_wants(start):
    names = "GPU-2a,MIG-3b/1"
    jobs = [start(1, CUDA_VISIBLE_DEVICES=names) for _ in range(2)]
    assert {visible_gpus(job) for job in jobs} == set(names.split(","))


def test_other_processes_of_a_training_use_the_gpus_of_the_first(start):
    assert visible_gpus(start(2, "0,1,2,3")) == "0,1"
    assert visible_gpus(start(2, CUDA_VISIBLE_DEVICES="0,1", LOCAL_RANK="1")) == "0,1"


def test_too_few_gpus_are_left_for_the_command_to_report(start):
    assert visible_gpus(start(2, "0")) == "None"
    assert visible_gpus(start(1)) in ("None", *map(str, range(16)))  # depends on this machine


def test_the_command_line_takes_the_gpus_before_the_stage_runs(monkeypatch):
    calls = []

    def features() -> None:
        calls.append("runs")

    monkeypatch.setattr(cli, "own_gpus", calls.append)
    stages = App(name="stages")
    stages.command(features, name="features")
    monkeypatch.setattr(cli, "stages", stages)
    assert cli.main(["stage", "--gpus", "1", "features"]) == 0
    assert cli.main(["stage", "--gpus", "0", "features"]) == 0
    assert cli.main(["stage", "features"]) == 0
    assert calls == [1, "runs", 0, "runs", "runs"]
