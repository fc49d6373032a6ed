"""Compares the evaluations of two runs that have the same names."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from motionfit.datasets.index import read_index
from motionfit.errors import MotionFitError
from motionfit.evaluation.comparison import Comparison, compare_answers, paired_answers
from motionfit.files import replacing
from motionfit.result_tables import read_table

COPY = re.compile(r"(.+)\.seed(\d+)")
"""Name of the copy of an evaluation for another seed."""
SHOWN = {
    "recognition top1": "top-1",
    "retrieval clip R@1": "R@1 by clip",
    "retrieval video R@1": "R@1 by video",
}
"""The main measures, with their headings."""


@dataclass(frozen=True)
class Compared:
    """A measure of one evaluation in two runs."""

    evaluation: str
    measure: str
    values: tuple[float | None, float | None]
    """In the first and in the second run, as fractions, means over splits and seeds; None if the
    run lacks it."""
    comparison: Comparison | None
    """The second run against the first, on the test videos that both have predicted. None unless
    the measure is top-1 accuracy and both runs have it."""

    @property
    def texts(self) -> tuple[str, str]:
        """The values, in percent."""
        first, second = map(percent, self.values)
        return first, second

    @property
    def difference_text(self) -> str:
        """The second run's value minus that of the first, in points, with its interval."""
        if None in self.values:
            return "-"
        text = f"{100 * (self.values[1] - self.values[0]):+.1f}"
        found = self.comparison
        if found is None or math.isnan(found.low):
            return text
        verdict = {1: "better", -1: "worse", 0: "not known which is better"}[found.verdict]
        return f"{text} ({100 * found.low:+.1f} to {100 * found.high:+.1f}: {verdict})"

    @property
    def record(self) -> dict[str, str | float | None]:
        """A row of a table; values are fractions."""
        low, high = (self.comparison.low, self.comparison.high) if self.comparison else (None, None)
        first, second = self.values
        return {
            "evaluation": self.evaluation,
            "measure": self.measure,
            "first": first,
            "second": second,
            "low": low,
            "high": high,
        }


def compare_runs(first: Path, second: Path) -> list[Compared]:
    """Compares two runs, in the order of the names of their evaluations.

    `first`, `second`: the folders of the runs, or their `results`. Raises MotionFitError if one of
    them has no finished evaluation.
    """
    folders = [results_of(first), results_of(second)]
    found = [measures_of(folder) for folder in folders]
    compared = []
    for name, measure in sorted(found[0].keys() | found[1].keys()):
        of_runs = (measures.get((name, measure)) for measures in found)
        values = tuple(fmean(of_run) if of_run else None for of_run in of_runs)
        comparison = None
        if measure == "recognition top1" and None not in values:
            comparison = compare_predictions(*folders, name)
        compared.append(Compared(name, measure, values, comparison))
    return compared


def results_of(run: Path) -> Path:
    """The folder of results of a run."""
    for folder in (run / "results", run):
        if any(folder.glob("evaluations/*/metrics.json")):
            return folder
    if not run.is_dir():
        raise MotionFitError(f"there is no folder {run}: give the --directory of a run")
    if any(run.glob("results/index/*.csv")):
        raise MotionFitError(f"no evaluation of the run in {run} has finished yet")
    raise MotionFitError(
        f"{run} has no finished evaluation (results/evaluations/NAME/metrics.json): give the "
        "folder of a run, the --directory of its snakemake command"
    )


def measures_of(results: Path) -> dict[tuple[str, str], list[float]]:
    """Evaluation and measure to the value in each split and seed."""
    values: dict[tuple[str, str], list[float]] = {}
    for path in sorted(results.glob("evaluations/*/metrics.json")):
        name, _ = name_and_seed(path.parent.name)
        for measure, value in json.loads(path.read_text(encoding="utf-8")).items():
            if not measure.endswith(" videos"):
                values.setdefault((name, measure), []).extend(value["splits"].values())
    return values


def name_and_seed(folder: str) -> tuple[str, int]:
    copy = COPY.fullmatch(folder)
    return (copy[1], int(copy[2])) if copy else (folder, 0)


def compare_predictions(first: Path, second: Path, evaluation: str) -> Comparison | None:
    """Compares the second run with the first on the test videos that both share, in each split and
    seed. None if they share none."""
    paired = paired_answers(answers_of(second, evaluation), answers_of(first, evaluation))
    return None if paired.empty else compare_answers(paired, groups_of(first))


def answers_of(results: Path, evaluation: str) -> pd.DataFrame:
    """One row per test video, split and seed, with whether the prediction is right."""
    parts = [pd.DataFrame(columns=["video", "split", "seed", "right"])]
    for path, split, seed in predictions_of(results, evaluation):
        table = read_table(path, dict.fromkeys(("video", "label", "predicted"), str))
        right = table["label"] == table["predicted"]
        rows = {"video": table["video"], "split": split, "seed": seed, "right": right}
        parts.append(pd.DataFrame(rows))
    return pd.concat(parts[1:] or parts)


def predictions_of(results: Path, evaluation: str) -> Iterator[tuple[Path, int, int]]:
    """Each file of predictions, with its split and seed."""
    for path in sorted(results.glob("evaluations/*/split*/predictions.csv")):
        name, seed = name_and_seed(path.parents[1].name)
        if name == evaluation:
            yield path, int(path.parent.name.removeprefix("split")), seed


def groups_of(results: Path) -> pd.Series:
    """The group of each video of the run's data sets."""
    indexes = [read_index(path) for path in sorted(results.glob("index/*.csv"))]
    return pd.concat(indexes).drop_duplicates("video", keep="last").set_index("video")["group"]


def print_results(run: Path) -> None:
    """Prints the main measures of a run, one row per evaluation, in percent, with the standard
    deviation over splits and seeds, and what is not finished."""
    results = results_of(run)
    measures = measures_of(results)
    table = Table("evaluation", *SHOWN.values())
    for name in dict.fromkeys(name for name, _ in measures):
        values = (measures.get((name, measure)) for measure in SHOWN)
        table.add_row(escape(name), *map(mean_and_spread, values))
    if any(len(values) > 1 for values in measures.values()):
        table.caption = "mean ± standard deviation over splits and seeds"
    Console().print(table)
    begun = {path.parent.name for path in results.glob("evaluations/*/split*")}
    finished = {path.parent.name for path in results.glob("evaluations/*/metrics.json")}
    if missing := sorted(begun - finished):
        print(f"not finished, so not in the table: {', '.join(missing)}")
    if not (results / "report" / "index.html").exists():
        print("This run has not finished: evaluations and seeds may be missing.")


def print_comparison(first: Path, second: Path, output: Path | None) -> None:
    """Prints the measures of two runs side by side, and writes them to a CSV file if there is
    one."""
    compared = compare_runs(first, second)
    table = Table("evaluation", "measure", escape(str(first)), escape(str(second)), "difference")
    for row in compared:
        table.add_row(escape(row.evaluation), row.measure, *row.texts, row.difference_text)
    Console().print(table)
    if output:
        with replacing(output) as temporary:
            pd.DataFrame([row.record for row in compared]).to_csv(temporary, index=False)


def mean_and_spread(values: list[float] | None) -> str:
    """In percent. A single value has no spread."""
    if not values:
        return "-"
    spread = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * fmean(values):.1f}{spread}"


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
