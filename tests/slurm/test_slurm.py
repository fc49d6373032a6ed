"""Runs the whole pipeline with a real scheduler. Jobs are cancelled, requeued and told to stop."""

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import pytest
import torch
import yaml

from tests.slurm.cluster import output, slurm, why_not
from tests.workflow.runs import ROOT, Outcome, Run, run_with_videos, set_key

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(bool(why_not()), reason=why_not())]

EPOCHS = 60
"""Epochs of the trainings that are disturbed, which take some seconds each."""
PROFILE = ROOT / "profiles" / "slurm"
GROUPS = yaml.safe_load((PROFILE / "config.yaml").read_text())["groups"]
MORE = {"frames": "data", "ledger": "data", "flow": "data"}
"""Groups that docs/cluster.md recommends for small shards."""
OPTIONS = (
    "--workflow-profile",
    str(PROFILE),
    "--slurm-no-account",
    "--jobs",
    "4",
    "--groups",
    *(f"{rule}={group}" for rule, group in (GROUPS | MORE).items()),
    "--slurm-init-seconds-before-status-checks",
    "10",
    "--latency-wait",
    "10",
)
TRAININGS = {
    "motion_model": "models/motion/split1",
    "appearance_model": "models/appearance/split1",
    "fine_tuning": "evaluations/motionfit/split1",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    with slurm() as folder:
        yield folder


def small_run(folder: Path) -> Run:
    """A run whose jobs fit the node. Each job has one thread, so that its results do not depend on
    the machine."""
    run = run_with_videos(folder)
    job = {"threads": 1, "mem_mb": 1500, "runtime": 5}
    on_gpu = {"gpu": 1, **job}
    run.change(
        set_key(
            "resources",
            {
                "index": job,
                "frames": job,
                "flow": job,
                "tables": job,
                "report": job,
                "motion_model": on_gpu,
                "features": on_gpu,
                "pseudo_labels": on_gpu,
                "appearance_model": on_gpu,
                "fine_tuning": on_gpu,
                "recognition": on_gpu,
                "retrieval": on_gpu,
            },
        )
    )
    for name in ("target", "source"):
        run.change(set_key(f"datasets/{name}/shards", 2))
    for key in (
        "motion_models/motion/training",
        "appearance_models/appearance/training",
        "evaluations/motionfit/fine_tuning",
    ):
        run.change(set_key(f"{key}/epochs", EPOCHS))
    return run


def wait_for(find: Callable[[], str], run: Future[Outcome], seconds: float = 600) -> str:
    """Calls `find` while the run goes on, until it returns a value, and returns the value."""
    end = time.monotonic() + seconds
    while not (value := find()):
        assert not run.done(), run.result().text
        assert time.monotonic() < end, output("squeue", "--format=%i %T %r %k")
        time.sleep(0.2)
    return value


def job_of(rule: str) -> str:
    """Id of the running Slurm job of a rule, or ''."""
    jobs = output("squeue", "--noheader", "--states=RUNNING", "--format=%i %k").splitlines()
    return next((job.split()[0] for job in jobs if f"rule_{rule}_" in job), "")


def in_the_middle(run: Run, rule: str) -> Callable[[], str]:
    """For `wait_for`: the job of a training that has a checkpoint of a later epoch than 1."""

    def find() -> str:
        checkpoints = run.file(TRAININGS[rule]).glob("checkpoints/*/epoch_0???_*.pt")
        return job_of(rule) if any("epoch_0001" not in path.name for path in checkpoints) else ""

    return find


def test_a_disturbed_run_gives_the_results_of_an_undisturbed_one(cluster, tmp_path):
    undisturbed, run = small_run(tmp_path / "undisturbed"), small_run(tmp_path / "run")
    with ThreadPoolExecutor() as threads:
        outcome = threads.submit(run, *OPTIONS)
        # Slurm does this to a job that is pre-empted: the same job starts again.
        requeued = wait_for(in_the_middle(run, "motion_model"), outcome)
        output("scontrol", "requeue", requeued)
        # Snakemake submits a cancelled job again.
        cancelled = wait_for(in_the_middle(run, "appearance_model"), outcome)
        output("scancel", cancelled)
        # Slurm sends this signal two minutes before the time limit.
        warned = wait_for(in_the_middle(run, "fine_tuning"), outcome)
        output("scancel", "--signal=USR1", warned)
        assert outcome.result().status == 0, outcome.result().text
    assert run.plan().nothing_to_do
    for rule in TRAININGS:
        assert "resuming in epoch" in log_of(run, rule), rule
    assert f"'{requeued}' failed" not in outcome.result().text
    assert f"'{cancelled}' failed" in outcome.result().text
    assert "mem_mb=3000" in outcome.result().text  # the retry
    logs = run.folder / ".snakemake" / "slurm_logs" / "rule_fine_tuning"
    assert "was asked to stop (SIGUSR1)" in next(logs.rglob(f"{warned}.log")).read_text()

    assert undisturbed().status == 0
    for folder in TRAININGS.values():
        same_weights(*(each.file(f"{folder}/model.pt") for each in (undisturbed, run)))
    for evaluation in ("motionfit", "random", "motion"):
        name = f"evaluations/{evaluation}/metrics.json"
        ours, theirs = (json.loads(each.file(name).read_text()) for each in (run, undisturbed))
        assert ours == theirs
    check_gpus(run)


def log_of(run: Run, rule: str) -> str:
    name = {"motion_model": "motion", "appearance_model": "appearance", "fine_tuning": "motionfit"}
    return run.file(f"logs/{rule}/{name[rule]}/split1.log").read_text()


def same_weights(one: Path, other: Path) -> None:
    states = [torch.load(path, weights_only=True)["weights"] for path in (one, other)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())


def check_gpus(run: Run) -> None:
    """Asserts that some jobs ran at the same time, and that no two of them used the same GPU."""
    jobs = []
    for log in run.file("logs").rglob("*.log"):
        line = re.match(r"(\S+) GPUs requested: 1; used: (.*)", log.read_text())
        if line:
            ended = time.strftime("%H:%M:%S", time.localtime(log.stat().st_mtime))
            jobs.append((line[1], ended, line[2]))
    assert {gpu for *_, gpu in jobs} == {"0", "1"}
    together = [(a, b) for a, b in combinations(jobs, 2) if a[0] < b[1] and b[0] < a[1]]
    assert together
    for (*_, one), (*_, other) in together:
        assert one != other
