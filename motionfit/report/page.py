"""Fills the template of the page and writes the report."""

import base64
import platform
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from motionfit.config import Config
from motionfit.files import replacing
from motionfit.report import pictures, results_table
from motionfit.report.advice import what_to_try
from motionfit.report.background import backgrounds
from motionfit.report.classes import class_section
from motionfit.report.collect import read_costs
from motionfit.report.drawing import BOX, drawing
from motionfit.report.exhibits import clustering, example_queries, flow_view, scale_of
from motionfit.report.failures import failures
from motionfit.report.judgements import judgements
from motionfit.report.kinds import KINDS
from motionfit.report.leaks import leaks_of
from motionfit.report.plots import confusion_section, training_section
from motionfit.report.run import Run, top1
from motionfit.report.source_map import source_maps
from motionfit.report.verdicts import verdicts
from motionfit.tables import text
from motionfit.tables.plot import plot_svg
from motionfit.tables.values import fill

PLOT_SECTIONS = [class_section, confusion_section, training_section]
"""Functions that return the sections of plots, in the order of the page."""
PACKAGES = ("motionfit", "torch", "torchvision", "snakemake")


def write_report(config: Config, results: Path, output: Path) -> None:
    """Writes the report of a finished run as one HTML file that needs no other file.

    Raises MotionFitError naming the first missing result file.
    """
    environment = Environment(
        loader=PackageLoader("motionfit.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("page.html").render(page_values(Run(config, results)))
    with replacing(output) as temporary:
        temporary.write_text(html, encoding="utf-8")


def page_values(run: Run) -> dict[str, Any]:
    """The values and functions that the template uses."""
    config, results = run.config, run.results
    queries, judged, compared = example_queries(run), judgements(run), verdicts(run)
    still = backgrounds(run)
    return {
        "run": run,
        "verdicts": compared,
        "judgements": judged,
        "advice": what_to_try(judged, compared, still),
        "backgrounds": still,
        "failures": failures(run),
        "maps": source_maps(run),
        "clips": sorted({evaluation.clips for evaluation in config.evaluations.values()}),
        "results": results_table.results_tables(run),
        "tables": [
            fill(name, recipe, results.folder / "evaluations", {*config.leaking(name)})
            for name, recipe in config.tables.items()
        ],
        "figures": [
            (recipe.title, png_uri(results.file(run.graph.retrieval_figure(name))))
            for name, recipe in config.figures.items()
        ],
        "graph": drawing(run),
        "plot_sections": [section(run) for section in PLOT_SECTIONS],
        "clusterings": [clustering(run, name) for name in run.qualities],
        "flows": [flow_view(run, *item) for item in run.needed.of("flow")],
        "queries": queries,
        "leaks": leaks_of(run),
        "retrieval_scale": scale_of([clip for query in queries for clip in query.clips]),
        "retrieval_evaluations": [evaluation for evaluation, _ in run.neighbours],
        "costs": read_costs(results.folder / "benchmarks"),
        "config": as_yaml(config),
        "versions": versions(),
        "date": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "kinds": KINDS,
        "box_width": BOX,
        "pictures": pictures,
        "results_table": results_table,
        "top1": top1,
        "duration": duration,
        "memory": memory,
        "plot_svg": plot_svg,
        "text": text,
    }


def png_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def as_yaml(config: Config) -> str:
    """The whole config with all defaults, without `resources`, which change no result."""
    values = config.model_dump(mode="json", exclude={"resources"})
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None)


def versions() -> dict[str, str]:
    """Versions of Python and of `PACKAGES`, without importing them."""
    numbers = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            numbers[package] = version(package)
        except PackageNotFoundError:
            numbers[package] = "not installed"
    return numbers


def duration(seconds: float) -> str:
    """A time as text, such as '2 min 01 s'."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, whole_seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {whole_seconds:02d} s"


def memory(megabytes: float) -> str:
    """An amount of memory as text, such as '1.9 GB'."""
    if pd.isna(megabytes):
        return "—"
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"
