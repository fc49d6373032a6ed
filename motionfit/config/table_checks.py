"""Checks of tables and figures: they show what their evaluations measure.

Each function raises ValueError with the key, what is wrong and what to do.
"""

from motionfit.config.artefacts import Artefacts
from motionfit.config.tables import TEXT, Table, TableRow


def check_figures(config: Artefacts) -> None:
    for name, figure in config.figures.items():
        if "retrieval" not in config.evaluations[figure.evaluation].measures:
            raise ValueError(
                f"figures.{name}.evaluation: {figure.evaluation!r} does not measure retrieval"
            )


def check_tables(config: Artefacts) -> None:
    for name, table in config.tables.items():
        _check_axis(f"tables.{name}", table)
        for heading, row in table.rows.items():
            here = f"tables.{name}.rows.{heading}"
            _check_columns(here, table, row)
            for column in table.measures:
                for shown in (row.evaluation_of(column), row.gain_over_of(column)):
                    if shown is not None:
                        _check_shown(config, here, shown, name, column)
    for name, table in config.tables.items():
        _check_splits(config, name, table)


def _check_axis(here: str, table: Table) -> None:
    """A table with an axis has places on it, for its rows or for its columns."""
    columns = [heading for heading, column in table.columns.items() if column.x is not None]
    rows = [heading for heading, row in table.rows.items() if row.x is not None]
    for heading in columns:
        if table.columns[heading].measure == TEXT:
            raise ValueError(f"{here}.columns.{heading}.x: a column of words can't be plotted")
    if table.axis is None:
        return
    if bool(columns) == bool(rows):
        found = "both rows and columns have" if rows else "no row and no column has"
        raise ValueError(
            f"{here}.axis: the table has an axis, and {found} a place on it: give x to the rows to "
            "plot the columns, or to the columns to plot the rows"
        )
    for heading, row in table.rows.items():
        if rows and row.x is None and row.evaluation is not None and row.gain_over is None:
            raise ValueError(
                f"{here}.rows.{heading}.x: the table has an axis: give the row's place on it"
            )


def _check_columns(here: str, table: Table, row: TableRow) -> None:
    """A row names only columns of its table: words for columns of words, figures for others."""
    own = {
        key: {*value}
        for key in ("text", "published", "evaluation", "gain_over")
        if isinstance(value := getattr(row, key), dict)
    }
    if unknown := sorted(set().union(*own.values()) - table.columns.keys()):
        raise ValueError(f"{here}: the table has no column {unknown[0]!r}")
    for key, columns in own.items():
        for column in sorted(columns):
            if (key == "text") != (column not in table.measures):
                kind = "figures" if key == "text" else "words (text)"
                raise ValueError(f"{here}.{key}: {column!r} is a column of {kind}")
    gains = own.get("gain_over", {*table.measures} if row.gain_over else set())
    if gains and not any(row.evaluation_of(column) for column in gains):
        raise ValueError(f"{here}.gain_over: the row has no evaluation to subtract from")
    for column in sorted(own.get("gain_over", ())):
        if row.evaluation_of(column) is None:
            raise ValueError(
                f"{here}.gain_over: there is no evaluation to subtract from in {column!r}"
            )


def _check_shown(config: Artefacts, here: str, name: str, table_name: str, column: str) -> None:
    """An evaluation gives what a column of a table shows of it."""
    table, evaluation = config.tables[table_name], config.evaluations[name]
    measure = table.columns[column].measure
    if missing := {*(table.splits or ())} - {*evaluation.splits}:
        raise ValueError(
            f"tables.{table_name}.splits: the evaluation {name!r} has no split {min(missing)}"
        )
    if not evaluation.gives(measure):
        raise ValueError(
            f"{here}: the evaluation {name!r} does not give {measure!r}, the measure of "
            f"tables.{table_name}.columns.{column}: use a measure such as `recognition top1` or "
            "`retrieval clip R@1` that is in the evaluation's measures and recall_at"
        )


def _check_splits(config: Artefacts, name: str, table: Table) -> None:
    """The figures in a column are of the same splits."""
    for column in table.measures:
        shown = {e for row in table.rows.values() for e in row.evaluations_of(column)}
        splits = {config.evaluations[evaluation].splits for evaluation in shown}
        if table.splits is None and len(splits) > 1:
            raise ValueError(
                f"tables.{name}.columns.{column}: its evaluations have different splits: name the "
                "splits to show, in the table's splits"
            )
