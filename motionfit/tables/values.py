"""Fills a table's recipe with the measures of evaluations."""

import json
from collections.abc import Set
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from motionfit.config import Table, TableRow, seed_name
from motionfit.errors import MotionFitError
from motionfit.evaluation.summary import summary


@dataclass(frozen=True)
class Cell:
    """The figures of a row in one column. They are percent, or percentage points if the row shows
    gains. A missing figure is None."""

    evaluation: str | None = None
    """The evaluation whose measure the cell shows."""
    gain_over: str | None = None
    """The evaluation that is subtracted. None if the cell shows no gain."""
    published: float | None = None
    seeds: list[float] = field(default_factory=list)
    """The measured value of each seed, a mean over the splits."""
    splits: dict[str, float] = field(default_factory=dict)
    """Maps each split to its measured value, a mean over the seeds."""
    leak: bool = False
    """Whether test videos may have been learned from."""

    @property
    def measured(self) -> float | None:
        """Mean over the splits and the seeds."""
        return mean(self.seeds) if self.seeds else None

    @property
    def deviation(self) -> float | None:
        """Standard deviation (n-1) over the seeds. None with fewer than two seeds."""
        return stdev(self.seeds) if len(self.seeds) > 1 else None

    @property
    def difference(self) -> float | None:
        """Measured minus published, in percentage points."""
        if self.measured is None or self.published is None:
            return None
        return self.measured - self.published


@dataclass(frozen=True)
class Row:
    """A row, with one cell per column of figures."""

    name: str
    recipe: TableRow
    section: str
    """The section that the row belongs to, '' if none."""
    cells: dict[str, Cell]

    @property
    def quoted(self) -> bool:
        """Whether the row has only published figures."""
        return all(cell.evaluation is None for cell in self.cells.values())


@dataclass(frozen=True)
class FilledTable:
    """A table with its values."""

    name: str
    recipe: Table
    rows: list[Row]

    @property
    def cells(self) -> list[Cell]:
        return [cell for row in self.rows for cell in row.cells.values()]

    def published(self, column: str) -> bool:
        """Whether a column has any published figure."""
        return any(row.cells[column].published is not None for row in self.rows)

    def measured(self, column: str) -> bool:
        """Whether a column has any measured figure."""
        return any(row.cells[column].measured is not None for row in self.rows)

    @property
    def splits(self) -> list[str]:
        """All splits that have a value, in ascending order."""
        return sorted({split for cell in self.cells for split in cell.splits}, key=int)


Measured = dict[str, Any]
"""A measure as a fraction: {'mean': value, 'splits': {split: value}}."""


def fill(
    name: str, table: Table, evaluations: Path, leaking: Set[str] = frozenset()
) -> FilledTable:
    """Fills a table with the values from `evaluations`/EVALUATION/metrics.json. If the table
    selects splits, it reads the files of these splits instead.

    `leaking`: the evaluations whose test videos a model may have learned from.

    Raises MotionFitError naming the missing file, or the folder that lacks a measure.
    """

    @cache
    def read(folder: Path, kind: str) -> dict[str, Measured]:
        if table.splits is not None:
            return summary(folder, table.splits, [kind])
        path = folder / "metrics.json"
        if not path.is_file():
            raise MotionFitError(f"{path} is missing: run the evaluation before its table")
        return json.loads(path.read_text(encoding="utf-8"))

    def look_up(evaluation: str, measure: str, seed: int) -> Measured:
        folder = evaluations / seed_name(evaluation, seed)
        metrics = read(folder, measure.split(" ")[0])
        if measure not in metrics:
            raise MotionFitError(
                f"{folder} has no {measure!r}, which the table {name!r} shows (it has: "
                f"{', '.join(sorted(metrics)) or 'nothing'}): run the evaluation again"
            )
        return metrics[measure]

    def cell(column: str, measure: str, row: TableRow) -> Cell:
        names = row.evaluations_of(column)
        by_seed = [
            subtract(*(look_up(evaluation, measure, seed) for evaluation in names))
            for seed in range(table.seeds if names else 0)
        ]
        return Cell(
            row.evaluation_of(column),
            row.gain_over_of(column),
            row.published.get(column),
            [100 * values["mean"] for values in by_seed],
            mean_over_seeds([values["splits"] for values in by_seed]),
            bool(leaking & {*names}),
        )

    sections = table.sections
    rows = [
        Row(row, recipe, sections[row], {c: cell(c, m, recipe) for c, m in table.measures.items()})
        for row, recipe in table.rows.items()
    ]
    return FilledTable(name, table, rows)


def subtract(values: Measured, subtracted: Measured | None = None) -> Measured:
    """The gain of `values` over `subtracted`. Without `subtracted`, the values themselves."""
    if subtracted is None:
        return values
    splits = {s: value - subtracted["splits"][s] for s, value in values["splits"].items()}
    return {"mean": values["mean"] - subtracted["mean"], "splits": splits}


def mean_over_seeds(by_seed: list[dict[str, float]]) -> dict[str, float]:
    """Averages each split over the seeds, and turns fractions into percent."""
    splits = by_seed[0] if by_seed else {}
    return {split: 100 * mean(values[split] for values in by_seed) for split in splits}
