"""From a table's recipe and the measures of evaluations to its values."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from motionfit.config import Table
from motionfit.errors import MotionFitError
from motionfit.evaluation.summary import summary


@dataclass(frozen=True)
class Cell:
    """A column of a row. All figures are percent; None where there is no such figure."""

    evaluation: str | None = None
    """The evaluation that is measured."""
    published: float | None = None
    measured: float | None = None
    """Mean over the splits."""
    splits: dict[str, float] = field(default_factory=dict)
    """Split to what is measured there."""

    @property
    def difference(self) -> float | None:
        """Measured - published, in percentage points."""
        if self.measured is None or self.published is None:
            return None
        return self.measured - self.published


@dataclass(frozen=True)
class Row:
    """A row, with a cell for each column of the table."""

    name: str
    cells: dict[str, Cell]
    x: float | None
    note: str

    @property
    def quoted(self) -> bool:
        """Whether it has published figures only."""
        return all(cell.evaluation is None for cell in self.cells.values())


@dataclass(frozen=True)
class FilledTable:
    """A table with its values."""

    name: str
    title: str
    columns: dict[str, str]
    """Heading to measure."""
    rows: list[Row]
    axis: str | None
    note: str

    def published(self, column: str) -> bool:
        """Whether a column has any published figure."""
        return any(row.cells[column].published is not None for row in self.rows)

    def measured(self, column: str) -> bool:
        """Whether a column has anything measured."""
        return any(row.cells[column].measured is not None for row in self.rows)

    @property
    def splits(self) -> list[str]:
        """All splits of which there is a value, in order."""
        found = {s for row in self.rows for cell in row.cells.values() for s in cell.splits}
        return sorted(found, key=int)


def fill(name: str, table: Table, evaluations: Path) -> FilledTable:
    """Looks up the values of a table in `evaluations`/EVALUATION/metrics.json, or, where the table
    shows some splits only, in the files of these.

    Raises MotionFitError naming the file that is missing, or the folder that lacks a measure.
    """

    @cache
    def read(folder: Path, kind: str) -> dict[str, Any]:
        if table.splits is None:
            return read_metrics(folder / "metrics.json")
        return summary(folder, table.splits, [kind])

    def cell(column: str, measure: str, row: str) -> Cell:
        recipe = table.rows[row]
        evaluation, published = recipe.evaluation_of(column), recipe.published.get(column)
        if evaluation is None:
            return Cell(published=published)
        folder = evaluations / evaluation
        metrics = read(folder, measure.split(" ")[0])
        if measure not in metrics:
            raise MotionFitError(
                f"{folder} has no {measure!r}, which the table {name!r} shows (it has: "
                f"{', '.join(sorted(metrics)) or 'nothing'}): run the evaluation anew"
            )
        splits = {split: 100 * value for split, value in metrics[measure]["splits"].items()}
        return Cell(evaluation, published, 100 * metrics[measure]["mean"], splits)

    rows = [
        Row(row, {c: cell(c, measure, row) for c, measure in table.columns.items()}, recipe.x,
            recipe.note)
        for row, recipe in table.rows.items()
    ]  # fmt: skip
    return FilledTable(name, table.title, table.columns, rows, table.axis, table.note)


def read_metrics(path: Path) -> dict[str, Any]:
    """Measure to {'splits': {split: fraction}, 'mean': fraction}."""
    if not path.is_file():
        raise MotionFitError(f"{path} is missing: run the evaluation before its table")
    return json.loads(path.read_text(encoding="utf-8"))
