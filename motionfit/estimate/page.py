"""The estimate as tables on the terminal."""

import platform
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from motionfit.estimate.costs import Cost, together
from motionfit.estimate.machine import Machine
from motionfit.estimate.stages import Run

BUSY = 0.3
"""Load per core above which a note says that the machine was busy."""


def show(run: Run, costs: list[Cost], console: Console) -> None:
    for table in (datasets(run), measured(run.machine), stages(run, costs)):
        console.print(table)
    for note in notes(run, costs):
        console.print(f"- {note}", highlight=False, markup=False)
    console.print(f"\n{answer(run.machine, costs)}", style="bold", highlight=False, markup=False)


def datasets(run: Run) -> Table:
    headings = ("data set", "videos", "shards", "sampled", "frames per video", "frames")
    table = titled("Data sets", *headings)
    for name, survey in run.surveys.items():
        table.add_row(
            name,
            f"{survey.videos:,}",
            f"{survey.shards:,}",
            f"{len(survey.frames)}",
            f"{survey.frames.mean():,.0f}",
            f"{survey.all_frames:,.0f}{margin(survey.error)}",
        )
    return table


def measured(machine: Machine) -> Table:
    processor = f"{cpu()}, {machine.cores} cores, {machine.gpu or 'no GPU'}"
    table = titled(f"This machine: {processor}", "measured", "rate")
    for text, rate in machine.measured.items():
        table.add_row(text, rate)
    return table


def stages(run: Run, costs: list[Cost]) -> Table:
    headings = ("stage", "jobs", "core time", "GPU time", "longest job", "disk", "±")
    table = titled("Cost of a run that starts with no results", *headings)
    for cost in costs:
        add_cost(table, cost, with_gpu=cost.gpu_hours > 0)
    table.add_section()
    add_cost(table, total_cost(costs), with_gpu=bool(run.machine.gpu))
    return table


def add_cost(table: Table, cost: Cost, with_gpu: bool) -> None:
    table.add_row(
        cost.stage,
        f"{cost.jobs:,}",
        hours(cost.core_hours),
        hours(cost.gpu_hours) if with_gpu else "",
        hours(cost.longest),
        size(cost.bytes),
        margin(cost.error).strip(" ±"),
    )


def titled(title: str, *headings: str) -> Table:
    """A table without rows, whose columns but the first are aligned to the right."""
    table = Table(*headings, title=title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def total_cost(costs: list[Cost]) -> Cost:
    """Adds up all stages. `longest` is the sum of the longest jobs of the stages."""
    return replace(together("all", costs), longest=sum(cost.longest for cost in costs))


def answer(machine: Machine, costs: list[Cost]) -> str:
    """How long the run takes."""
    total = total_cost(costs)
    alone, chain = total.core_hours / machine.cores, hours(total.longest)
    if machine.gpu:
        alone = max(alone, total.gpu_hours / torch.cuda.device_count())
    return (
        f"On this machine, the run takes about {hours(alone)} if nothing else runs. On more such "
        f"machines, it takes about {chain} at least, since some jobs wait for others."
    )


def notes(run: Run, costs: list[Cost]) -> list[str]:
    """Explains the figures: what is assumed, what is not counted, and what may be wrong."""
    machine, lines = run.machine, []
    if not machine.gpu:
        lines.append(
            "There is no GPU here: trainings, features, K-means and evaluations are counted in "
            "core-hours of this CPU. For GPU-hours, run this on a machine with the GPU."
        )
    if run.load > BUSY * machine.cores:
        lines.append(
            f"The machine was busy when the estimate began (load {run.load:.1f} on {machine.cores} "
            "cores), which makes the measured rates slower: run this again when it is idle."
        )
    lines += [
        "Core time is the time of the jobs multiplied by their threads. Each rate was measured "
        "with the stage's own code for about 2 seconds: of CPU time, or on a GPU of wall-clock "
        "time.",
        "± is the sampling error (95%): how far the mean length of the sampled videos may be "
        "from that of all videos. The numbers of videos are exact.",
        "Assumed: all videos can be decoded; K-means takes all of max_iterations; the speed of a "
        "training grows in proportion to its GPUs, and on a CPU to its threads. Not counted: "
        "waiting for the disk, PCA, the search for neighbours, Snakemake itself. While it runs, "
        "a training keeps two checkpoints of about twice the size of its model, and clustering "
        "keeps a copy of its features.",
    ]
    for name, survey in run.surveys.items():
        if survey.failed:
            count = len(survey.failed)
            lines.append(
                f"{name}: {count} of {count + len(survey.frames)} sampled videos can't be "
                f"opened, such as {survey.failed[0]}"
            )
    for cost in costs:
        limit = runtime(run, cost.stage)
        if limit and 60 * cost.longest > limit:
            lines.append(
                f"{cost.stage}: a job takes {hours(cost.longest)}, longer than the "
                f"{limit} minutes of resources.{cost.stage}.runtime: raise it, or cut "
                "the data set into more shards."
            )
    return lines


def runtime(run: Run, stage: str) -> int | None:
    """Minutes that a job of a stage that works on shards may take.

    None for other stages, and if the config asks for a GPU that this machine lacks: the limit is
    meant for a machine that has one.
    """
    resources = getattr(run.config.resources, stage, None)
    if stage not in ("frames", "flow", "features") or (resources.gpu and not run.machine.gpu):
        return None
    return resources.runtime


def cpu() -> str:
    """Name of the processor. If the system does not tell it, the architecture."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def margin(error: float) -> str:
    return f" ± {error:.0%}" if error >= 0.005 else ""


def hours(value: float) -> str:
    """Formats hours in seconds, minutes or hours."""
    if value < 1 / 60:
        return f"{3600 * value:.0f} s"
    if value < 1:
        return f"{60 * value:.{1 if value < 1 / 6 else 0}f} min"
    return f"{value:,.1f} h" if value < 100 else f"{value:,.0f} h"


def size(value: float) -> str:
    """Formats bytes in a suitable unit; '' for zero."""
    if not value:
        return ""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:,.3g} TB"
