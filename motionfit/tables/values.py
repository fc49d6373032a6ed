"""Fills a table: from its recipe and the measures of evaluations to its values."""

import json
from collections.abc import Set
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from motionfit.config import Table, TableColumn, TableRow, seed_name
from motionfit.errors import MotionFitError
from motionfit.evaluation.summary import summary


@dataclass(frozen=True)
class Cell:
    """A cell of a table. Figures are percent, or percentage points for gains. A missing figure is
    None."""

    evaluation: str | None = None
    """The measured evaluation."""
    gain_over: str | None = None
    """The evaluation that is subtracted, or None if the figures are not gains."""
    published: float | None = None
    seeds: list[float] = field(default_factory=list)
    """The measured figure for each seed, a mean over the splits."""
    splits: dict[str, float] = field(default_factory=dict)
    """Splits mapped to their measured figure, a mean over the seeds."""
    leak: bool = False
    """Whether test videos may have been learned from."""

    @property
    def measured(self) -> float | None:
        """Mean over the splits and the seeds."""
        return mean(self.seeds) if self.seeds else None

    @property
    def deviation(self) -> float | None:
        """Standard deviation (n-1) over the seeds, or None for a single seed."""
        return stdev(self.seeds) if len(self.seeds) > 1 else None

    @property
    def difference(self) -> float | None:
        """Measured minus published figure, in percentage points."""
        if self.measured is None or self.published is None:
            return None
        return self.measured - self.published


@dataclass(frozen=True)
class Row:
    """A row, with a cell for each column that has figures."""

    name: str
    section: str
    description: str
    text: dict[str, str]
    """Columns of words, mapped to their text in this row, if any."""
    cells: dict[str, Cell]
    x: float | None
    note: str

    @property
    def quoted(self) -> bool:
        """Whether the row has published figures only."""
        return all(cell.evaluation is None for cell in self.cells.values())


@dataclass(frozen=True)
class FilledTable:
    """A table with its values."""

    name: str
    title: str
    columns: dict[str, TableColumn]
    """Headings mapped to columns, in order."""
    measures: dict[str, str]
    """Headings of the columns with figures, mapped to their measures."""
    rows: list[Row]
    seeds: int
    axis: str | None
    note: str

    @property
    def cells(self) -> list[Cell]:
        return [cell for row in self.rows for cell in row.cells.values()]

    def published(self, column: str) -> bool:
        """Whether a column has published figures."""
        return any(row.cells[column].published is not None for row in self.rows)

    def measured(self, column: str) -> bool:
        """Whether a column has measured figures."""
        return any(row.cells[column].measured is not None for row in self.rows)

    @property
    def splits(self) -> list[str]:
        """All splits that have a value, in order."""
        return sorted({split for cell in self.cells for split in cell.splits}, key=int)


Measured = dict[str, Any]
"""A measure: `mean` over the splits, and `splits`, a mapping of splits to values, as fractions."""


def fill(
    name: str, table: Table, evaluations: Path, leaking: Set[str] = frozenset()
) -> FilledTable:
    """Looks up the values of a table.

    They come from `evaluations`/EVALUATION/metrics.json or, if the table shows only some splits,
    from the files of these splits. `leaking` are the evaluations whose test videos may have been
    learned from.

    Raises MotionFitError if a file or a measure is missing.
    """

    @cache
    def read(folder: Path, kind: str) -> dict[str, Measured]:
        if table.splits is None:
            return read_metrics(folder / "metrics.json")
        return summary(folder, table.splits, [kind])

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
        shown = row.evaluations_of(column)
        of_seeds = [
            gain(*(look_up(evaluation, measure, seed) for evaluation in shown))
            for seed in range(table.seeds if shown else 0)
        ]
        return Cell(
            row.evaluation_of(column),
            row.gain_over_of(column),
            row.published.get(column),
            [100 * values["mean"] for values in of_seeds],
            mean_of_splits([values["splits"] for values in of_seeds]),
            bool(leaking & {*shown}),
        )

    sections = table.sections
    rows = [
        Row(
            row,
            sections[row],
            recipe.description,
            recipe.text,
            {c: cell(c, measure, recipe) for c, measure in table.measures.items()},
            recipe.x,
            recipe.note,
        )
        for row, recipe in table.rows.items()
    ]
    return FilledTable(
        name, table.title, table.columns, table.measures, rows, table.seeds, table.axis, table.note
    )


def gain(values: Measured, subtracted: Measured | None = None) -> Measured:
    """The measured values minus the subtracted ones, if any."""
    if subtracted is None:
        return values
    splits = {s: value - subtracted["splits"][s] for s, value in values["splits"].items()}
    return {"mean": values["mean"] - subtracted["mean"], "splits": splits}


def mean_of_splits(of_seeds: list[dict[str, float]]) -> dict[str, float]:
    """The mean over the seeds for each split, in percent, from the fractions of each seed."""
    splits = of_seeds[0] if of_seeds else {}
    return {split: 100 * mean(values[split] for values in of_seeds) for split in splits}


def read_metrics(path: Path) -> dict[str, Measured]:
    """Reads measures, each as {'splits': {split: fraction}, 'mean': fraction}. Raises
    MotionFitError if the file is missing."""
    if not path.is_file():
        raise MotionFitError(f"{path} is missing: run the evaluation before its table")
    return json.loads(path.read_text(encoding="utf-8"))
