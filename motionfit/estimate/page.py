"""The estimate as tables on the terminal."""

import platform
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from motionfit.estimate.costs import Cost, together
from motionfit.estimate.stages import Run

BUSY = 0.3
"""Share of the cores that others may keep busy without a word about it."""


def show(run: Run, costs: list[Cost], console: Console) -> None:
    for table in (datasets(run), measured(run), stages(run, costs)):
        console.print(table)
    for note in notes(run, costs):
        console.print(f"- {note}", highlight=False, markup=False)


def datasets(run: Run) -> Table:
    table = Table(
        "data set",
        "videos",
        "shards",
        "sampled",
        "frames a video",
        "frames",
        title="Data sets",
        title_justify="left",
    )
    right(table, 1)
    for name, found in run.surveys.items():
        table.add_row(
            name,
            f"{found.videos:,}",
            f"{found.index['shard'].nunique():,}",
            f"{len(found.frames)}",
            f"{found.frames.mean():,.0f}",
            f"{found.all_frames:,.0f}{margin(found.error)}",
        )
    return table


def measured(run: Run) -> Table:
    table = Table("measured", "rate", title=f"This machine: {machine(run)}", title_justify="left")
    right(table, 1)
    for text, rate in run.measured.items():
        table.add_row(text, rate)
    return table


def stages(run: Run, costs: list[Cost]) -> Table:
    table = Table(
        "stage",
        "jobs",
        "core time",
        "GPU time",
        "longest job",
        "disk",
        "±",
        title="What the run costs, from nothing",
        title_justify="left",
    )
    right(table, 1)
    for found in costs:
        table.add_row(
            found.stage,
            f"{found.jobs:,}",
            hours(found.core_hours),
            hours(found.gpu_hours) if found.gpu_hours else "",
            hours(found.longest),
            size(found.bytes),
            margin(found.error).strip(" ±"),
        )
    total = whole(costs)
    table.add_section()
    table.add_row(
        "all",
        f"{total.jobs:,}",
        hours(total.core_hours),
        hours(total.gpu_hours) if run.gpu else "",
        hours(total.longest),
        size(total.bytes),
        margin(total.error).strip(" ±"),
    )
    return table


def whole(costs: list[Cost]) -> Cost:
    """All stages together; `longest` is of the longest job of each, one after the other."""
    return replace(together("all", costs), longest=sum(found.longest for found in costs))


def notes(run: Run, costs: list[Cost]) -> list[str]:
    """What a reader has to know of the figures."""
    total = whole(costs)
    alone, chain = total.core_hours / run.cores, hours(total.longest)
    if run.gpu:
        alone = max(alone, total.gpu_hours / torch.cuda.device_count())
    found = [
        f"On this machine about {hours(alone)}, if it is always busy; on any number of such "
        f"machines about {chain}, if the longest jobs of the stages come one after the other."
    ]
    if not run.gpu:
        found.append(
            "There is no GPU here: trainings, features, K-means and evaluations are counted in "
            "core-hours of this CPU. For GPU-hours, run this on a machine that has the GPU."
        )
    if run.load > BUSY * run.cores:
        found.append(
            f"The machine was busy when this began (load {run.load:.1f} on {run.cores} cores), "
            "which makes all of it slower: run this again when it is idle."
        )
    found += [
        "Core time is what jobs hold: their time, times their threads. A rate was measured for "
        "about 2 seconds of CPU time (of a GPU, of the clock's), by the stages' own code.",
        "± is of the sample alone (95%): how far the lengths of the videos drawn at random may be "
        "from those of all. Counts of videos are exact.",
        "Assumed: all videos can be decoded; K-means takes all of max_iterations; several GPUs of "
        "a training are as many times as fast, and so are several threads of a CPU. Not counted: "
        "waiting for the disk, PCA, the search for neighbours, Snakemake itself. While a training "
        "lasts it keeps two checkpoints of about twice its model, and clustering a copy of its "
        "features.",
    ]
    for name, survey in run.surveys.items():
        if survey.failed:
            count = len(survey.failed)
            found.append(
                f"{name}: {count} of {count + len(survey.frames)} videos drawn can't be "
                f"opened, such as {survey.failed[0]}"
            )
    for stage in costs:
        limit = runtime(run, stage.stage)
        # A limit is for the machine that the config is for, which has a GPU if it asks for one.
        if limit and 60 * stage.longest > limit:
            found.append(
                f"{stage.stage}: a job takes {hours(stage.longest)}, longer than the "
                f"{limit} minutes of resources.{stage.stage}.runtime: raise it, or cut "
                "the data set into more shards."
            )
    return found


def runtime(run: Run, stage: str) -> int | None:
    """Minutes that a job of a stage of shards may take; None where that says nothing here."""
    resources = getattr(run.config.resources, stage, None)
    if stage not in ("frames", "flow", "features") or (resources.gpu and not run.gpu):
        return None
    return resources.runtime


def machine(run: Run) -> str:
    return f"{cpu()}, {run.cores} cores, {run.gpu or 'no GPU'}"


def cpu() -> str:
    """The processor's name, where the system tells it."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def right(table: Table, first: int) -> None:
    for column in table.columns[first:]:
        column.justify = "right"


def margin(error: float) -> str:
    return f" ± {error:.0%}" if error >= 0.005 else ""


def hours(value: float) -> str:
    """Hours in the unit that suits them."""
    if value < 1 / 60:
        return f"{3600 * value:.0f} s"
    if value < 1:
        return f"{60 * value:.{1 if value < 1 / 6 else 0}f} min"
    return f"{value:,.1f} h" if value < 100 else f"{value:,.0f} h"


def size(value: float) -> str:
    """Bytes in the unit that suits them; '' for none."""
    if not value:
        return ""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:,.3g} TB"
