"""Recipes of tables and figures."""

from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from motionfit.config.recipe import Recipe
from motionfit.config.references import Names
from motionfit.config.values import Positive

TEXT = "text"
"""The measure of a column that holds words."""


def seed_name(name: str, seed: int) -> str:
    """Name of the copy of an artefact for one of the seeds 0, 1, ... of a table. Seed 0 is the
    artefact itself."""
    return f"{name}.seed{seed}" if seed else name


class TableColumn(Recipe):
    """A column of a table. A column without `x` can be written as its measure alone."""

    measure: str
    """`recognition top1` or `recognition top5`; `retrieval clip R@1` or `retrieval video R@1`, or
    another k; or `text` for a column of words, which the rows give as `text`."""
    x: float | None = None
    """Place on the axis of the table's plot, if rows are plotted over columns."""

    @model_serializer(mode="wrap")
    def _short(self, whole: SerializerFunctionWrapHandler) -> Any:
        return self.measure if self.x is None else whole(self)


def _long_column(value: Any) -> Any:
    return {"measure": value} if isinstance(value, str) else value


class TableRow(Recipe):
    """A row of a table: measured and published figures."""

    section: str = ""
    """Heading above this row, for it and the rows that follow; if empty, the section of the
    previous row continues."""
    description: str = ""
    """How the row is made, in one sentence."""
    text: dict[str, str] = Field(default={})
    """Column of words to the text in it."""
    evaluation: Annotated[str | dict[str, str] | None, Names("evaluations")] = None
    """The evaluation that all columns show, or column to evaluation; null if the row has only
    published figures."""
    gain_over: Annotated[str | dict[str, str] | None, Names("evaluations")] = None
    """An evaluation, or column to evaluation, whose measure is subtracted. The row then shows
    gains in percentage points, both measured and published."""
    published: dict[str, float] = Field(default={})
    """Column to the published figure as it is printed (percent); null if there is none."""
    x: float | None = None
    """Place on the axis of the table's plot, if columns are plotted over rows."""
    note: str = ""
    """Source of the figures, or what is particular about them."""

    @field_validator("published", mode="before")
    @classmethod
    def _none_published(cls, value: Any) -> Any:
        return value or {}

    @model_validator(mode="after")
    def _check_filled(self) -> "TableRow":
        if not (self.evaluation or self.published):
            raise ValueError("a row needs an evaluation or published figures")
        return self

    def evaluation_of(self, column: str) -> str | None:
        """Name of the evaluation that a column shows, if any."""
        if isinstance(self.evaluation, dict):
            return self.evaluation.get(column)
        return self.evaluation

    def gain_over_of(self, column: str) -> str | None:
        """Name of the evaluation whose measure is subtracted in a column, if any."""
        if isinstance(self.gain_over, dict):
            return self.gain_over.get(column)
        return self.gain_over

    def evaluations_of(self, column: str) -> list[str]:
        """Names of all evaluations behind the measured figure in a column."""
        shown = self.evaluation_of(column)
        if shown is None:
            return []
        subtracted = self.gain_over_of(column)
        return [shown, subtracted] if subtracted else [shown]


class Table(Recipe):
    """Evaluations beside published figures."""

    title: str
    """What the table shows."""
    columns: dict[
        str,
        Annotated[
            TableColumn, BeforeValidator(_long_column, json_schema_input_type=str | TableColumn)
        ],
    ] = Field(min_length=1)
    """Heading to column, or to its measure."""
    rows: dict[str, TableRow] = Field(min_length=1)
    """Name to row."""
    splits: tuple[Positive, ...] | None = Field(default=None, min_length=1)
    """Splits whose mean the table shows; null for all splits of its evaluations. Other splits are
    not computed for this table."""
    seeds: Annotated[int, Field(ge=1, le=1000, strict=True)] = 1
    """Number of seeds whose mean and standard deviation the table shows; by default, the `seeds` of
    the config. With more than 1, everything random behind its evaluations is computed once per
    seed."""
    axis: str | None = None
    """Label of the x axis; adds a plot over it, of the columns if the rows have an `x`, and of the
    rows if the columns have one."""
    note: str = ""
    """What a reader has to know."""

    @property
    def measures(self) -> dict[str, str]:
        """Heading to measure, of the columns that hold figures."""
        return {
            heading: column.measure
            for heading, column in self.columns.items()
            if column.measure != TEXT
        }

    @property
    def sections(self) -> dict[str, str]:
        """Row to the section that it belongs to; '' for none."""
        found, section = {}, ""
        for name, row in self.rows.items():
            section = row.section or section
            found[name] = section
        return found

    @property
    def measurements(self) -> set[tuple[str, str]]:
        """(evaluation, measure) of everything that the table shows as measured, or subtracts."""
        return {
            (name, measure)
            for row in self.rows.values()
            for column, measure in self.measures.items()
            for name in row.evaluations_of(column)
        }

    @property
    def measurements_of_seeds(self) -> set[tuple[str, str]]:
        """`measurements`, with the copies for the other seeds."""
        return {
            (seed_name(name, seed), measure)
            for name, measure in self.measurements
            for seed in range(self.seeds)
        }


class RetrievalFigure(Recipe):
    """Query clips beside the nearest videos: successes on the left, failures on the right
    (Fig. S1)."""

    title: str
    """What the figure shows."""
    evaluation: Annotated[str, Names("evaluations")]
    """Evaluation whose retrieval is shown, on the first of its splits."""
    queries: Annotated[int, Field(ge=1, le=100, strict=True)] = 4
    """Number of successes, queries all of whose nearest videos are of their own class, and of
    failures, queries all of whose nearest videos are of other classes. There are fewer if the
    retrieval has fewer."""
    neighbours: Annotated[int, Field(ge=1, le=10)] = 3
    """Nearest videos per query, each shown by its nearest clip."""
