"""Snakemake, its jobs or their worker processes are killed by SIGKILL."""

import subprocess
import sys
import time

import pytest
import torch

from tests.faults.disturbed import (
    STAGES,
    begins,
    command_line,
    copied,
    descendants,
    end,
    failure,
    finished,
    started,
    wait_for_all,
)
from tests.faults.same import same_results
from tests.training.setups import make_store
from tests.workflow.runs import ROOT, environment, unstarted

pytestmark = pytest.mark.long


@pytest.mark.parametrize("whole", [True, False], ids=["power_cut", "snakemake_alone"])
def test_a_run_that_is_killed_in_each_stage(undisturbed, tmp_path, whole):
    """Either its jobs are killed too, or they are left behind and go on writing beside the next
    run."""
    run = unstarted(undisturbed, tmp_path / "run")
    orphans = []
    for stage, file in STAGES.items():
        begun = begins(run, stage)
        with started(run, f"results/{file}") as background:
            background.until(begun)
            orphans += background.kill(whole)
        if stage == "frames":
            text = failure(run())
            assert "was killed, and its lock is left" in text
            assert "snakemake --unlock" in text
        finished(run("--unlock"))
    outcome = run()
    if outcome.status:  # a training is left behind, and the next one refuses to start
        assert "another training is running in" in failure(outcome)
        wait_for_all(orphans)
        outcome = run()
    finished(outcome)
    wait_for_all(orphans)
    same_results(run, undisturbed)


def test_a_job_that_is_killed_can_run_again(undisturbed, tmp_path):
    """The system kills a job like this if it uses too much memory."""
    run = copied(undisturbed, tmp_path / "run", without="fine_tuning")
    begun = begins(run, "fine_tuning")
    with started(run) as background:
        background.until(begun)
        for job in descendants(background.process.pid):
            if b"fine_tuning" in command_line(job):
                end(job)
        text = failure(background.wait())
    assert "Error in rule fine_tuning" in text
    assert "results/logs/fine_tuning/motionfit/split1.log" in text
    finished(run())
    same_results(run, undisturbed)


TRAINING = """
import sys, torch
from pathlib import Path
from motionfit.errors import MotionFitError
from motionfit.training.compute import Compute
from tests.training.setups import run_training
if __name__ == "__main__":
    where, flow = map(Path, sys.argv[1:])
    try:
        network = run_training(where, flow, Compute(threads=1, workers=1), epochs=8)
    except MotionFitError as error:
        sys.exit(f"error: {error}")
    torch.save(network.state_dict(), where / "weights.pt")
"""


def test_a_training_whose_worker_process_is_killed_ends_and_can_resume(tmp_path):
    """It ends with a message instead of waiting forever."""
    flow = make_store(tmp_path / "flow")
    (tmp_path / "training.py").write_text(TRAINING)

    def training(name: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, tmp_path / "training.py", tmp_path / name, flow],
            text=True,
            stderr=subprocess.PIPE,
            env=environment() | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )

    whole, killed = training("whole"), training("killed")
    while not list((tmp_path / "killed").glob("checkpoints/*/*.pt")):
        assert killed.poll() is None, killed.stderr.read()
        time.sleep(0.02)
    for process in descendants(killed.pid):
        if b"spawn_main" in command_line(process):
            end(process)
    _, text = killed.communicate(timeout=300)
    assert killed.returncode == 1, text
    assert "a process that reads clips has died" in text
    assert "continues from its last checkpoint when it runs again" in text
    again = training("killed")
    for process in (whole, again):
        _, text = process.communicate(timeout=300)
        assert process.returncode == 0, text
    assert "Traceback" not in text
    states = [torch.load(tmp_path / name / "weights.pt") for name in ("whole", "killed")]
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
