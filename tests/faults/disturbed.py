"""Disturbs runs: kills and watches them, and copies them without some of their results."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.workflow.runs import Outcome, Run, environment, run_with_videos, set_key

EPOCHS = 4
STAGES = {
    "render_demo": "demo/target/labels.csv",
    "index": "index/target.csv",
    "frames": "frames/target/16x24/0000.h5",
    "ledger": "frames/target/16x24/failed.csv",
    "flow": "flow/target/tvl1/0000.h5",
    "motion_model": "models/motion/split1/model.pt",
    "features": "features/motion/split1/source/0000.h5",
    "pseudo_labels": "pseudo_labels/clusters/split1/labels.csv",
    "appearance_model": "models/appearance/split1/model.pt",
    "random_model": "models/random/split1/model.pt",
    "fine_tuning": "evaluations/motionfit/split1/model.pt",
    "recognition": "evaluations/motionfit/split1/recognition.json",
    "retrieval": "evaluations/random/split1/retrieval.json",
    "metrics": "evaluations/motionfit/metrics.json",
    "report": "report/index.html",
}
"""The rule of each stage, in an order in which they can run, and a file that it makes."""


def small_run(folder: Path) -> Run:
    """A run of all stages with as few jobs as possible. Each job has one thread, so that its
    results do not depend on the load of the machine."""
    run = run_with_videos(folder)
    for dataset in ("target", "source"):
        run.change(set_key(f"datasets/{dataset}/shards", 1))
    for key in (
        "motion_models/motion/training",
        "appearance_models/appearance/training",
        "evaluations/motionfit/fine_tuning",
    ):
        run.change(set_key(f"{key}/epochs", EPOCHS))
    compared = {"dataset": "target", "clip_length": 4, "clips": 2, "fine_tuning": None}
    run.change(
        set_key("evaluations/random", {"model": "random", "measures": ["retrieval"], **compared})
    )
    run.change(lambda config: config["evaluations"].pop("motion"))
    stages = (
        "motion_model",
        "features",
        "pseudo_labels",
        "appearance_model",
        "fine_tuning",
        "recognition",
        "retrieval",
    )
    run.change(set_key("resources", {stage: {"threads": 1, "gpu": 0} for stage in stages}))
    return run


def unstarted(run: Run, folder: Path) -> Run:
    """A copy of a run's videos and config, without results."""
    shutil.copytree(run.folder, folder, ignore=shutil.ignore_patterns("results", ".snakemake"))
    return Run(folder)


def copied(run: Run, folder: Path, without: str) -> Run:
    """A copy of a run without the results of the stage `without` and of all later stages in
    STAGES."""
    shutil.copytree(run.folder, folder)
    copy = Run(folder)
    names = list(STAGES)
    missing = {copy.file(STAGES[stage]) for stage in names[names.index(without) :]}
    if copy.file(STAGES["metrics"]) in missing:
        # Metrics of other evaluations go too. Otherwise Snakemake would not make their inputs.
        missing |= set(copy.file("evaluations").glob("*/metrics.json"))
    for path in missing:
        path.unlink()
    return copy


class Started:
    """A Snakemake that runs in the background, in its own process group."""

    def __init__(self, run: Run, *arguments: str):
        self._output = run.folder / "output.txt"
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                run.command(*arguments),
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(),
                cwd=run.folder,
                start_new_session=True,
            )

    def until(self, happened: Callable[[], object], seconds: float = 300) -> None:
        """Waits until `happened` returns true. Fails if Snakemake ends before that."""
        end = time.monotonic() + seconds
        while not happened():
            assert self.process.poll() is None, self.text
            assert time.monotonic() < end, self.text
            time.sleep(0.02)

    def kill(self, whole: bool) -> list[int]:
        """Kills Snakemake. If `whole`, kills its jobs too, as a power cut would. Returns the jobs
        that are left behind."""
        jobs = [] if whole else descendants(self.process.pid)
        if whole:
            for process in descendants(self.process.pid):
                end(process)
        end(self.process.pid)
        self.process.wait()
        return [job for job in jobs if b"motionfit" in command_line(job)]

    def wait(self) -> Outcome:
        status = self.process.wait()
        return Outcome(status, self.text)

    @property
    def text(self) -> str:
        return self._output.read_text()


@contextmanager
def started(run: Run, *arguments: str) -> Iterator[Started]:
    """Runs Snakemake in the background. At the end, kills it and its jobs if they still run."""
    background = Started(run, *arguments)
    try:
        yield background
    finally:
        background.kill(whole=True)


def end(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def descendants(process: int) -> list[int]:
    """The children of a process, their children, and so on."""
    processes = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:  # the process has ended meanwhile
            continue
        for child in children:
            processes += [child, *descendants(child)]
    return processes


def command_line(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def gone(process: int) -> bool:
    """Whether a process has ended. A zombie counts as ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_for_all(processes: list[int], seconds: float = 120) -> None:
    end_of_patience = time.monotonic() + seconds
    while not all(map(gone, processes)):
        assert time.monotonic() < end_of_patience, [command_line(p) for p in processes]
        time.sleep(0.05)


def logs(run: Run, stage: str) -> dict[Path, int]:
    """For each log of a stage, the time when it was last written."""
    # The report has a single log, and other stages have a folder of logs.
    paths = run.file("logs").glob(f"{stage}.log" if stage == "report" else f"{stage}/**/*.log")
    times = {}
    for path in paths:
        with suppress(FileNotFoundError):  # Snakemake removes the log of a job that begins
            times[path] = path.stat().st_mtime_ns
    return times


def begins(run: Run, stage: str) -> Callable[[], bool]:
    """For `until`: whether a job of a stage has begun since this call."""
    before = logs(run, stage)
    return lambda: any(begun != before.get(path) for path, begun in logs(run, stage).items())


def finished(outcome: Outcome) -> Outcome:
    assert outcome.status == 0, outcome.text
    return outcome


def failure(outcome: Outcome) -> str:
    """Output of a run that failed without a traceback."""
    assert outcome.status != 0, outcome.text
    assert "Traceback" not in outcome.text, outcome.text
    return outcome.text
