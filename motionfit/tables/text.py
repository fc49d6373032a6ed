"""Writes a table as text: Markdown for readers, CSV for programs."""

import re
from itertools import pairwise

import pandas as pd

from motionfit.tables.values import Cell, FilledTable, Row

MISSING = "—"
LEAK = "†"


def one_decimal(value: float | None) -> str:
    """A figure with one decimal, or '—' if it is missing."""
    return MISSING if value is None else f"{value:.1f}"


def signed(difference: float) -> str:
    """A difference with its sign. One that rounds to 0.0 has no sign."""
    text = f"{abs(difference):.1f}"
    if text == "0.0":
        return text
    return ("+" if difference > 0 else "\N{MINUS SIGN}") + text


def figure_text(cell: Cell, value: float | None) -> str:
    """One figure of a cell, with a sign if the cell shows a gain."""
    return one_decimal(value) if value is None or cell.gain_over is None else signed(value)


def measured_text(cell: Cell) -> str:
    """The measured figure of a cell: '57.7', or '57.7 ± 0.8' with several seeds. A dagger means
    that a model may have learned from test videos."""
    text = figure_text(cell, cell.measured)
    if cell.deviation is not None:
        text += f" ± {one_decimal(cell.deviation)}"
    return text + LEAK * cell.leak


def splits_text(cell: Cell) -> str:
    """The values of the splits: '51.0 / 52.3 / 50.9'. Empty if there is only one split."""
    if len(cell.splits) < 2:
        return ""
    return " / ".join(figure_text(cell, value) for value in cell.splits.values())


def begins_section(table: FilledTable) -> list[bool]:
    """For each row, whether the heading of its section comes before it."""
    sections = ["", *(row.section for row in table.rows)]
    return [section != before for before, section in pairwise(sections)]


def explanation(table: FilledTable) -> str:
    """Explains the figures of a table to a reader."""
    cells, seeds = table.cells, table.recipe.seeds
    parts = ["All figures are percent."]
    if any(cell.gain_over for cell in cells):
        parts = ["All figures are percent; gains (with a sign) are percentage points."]
    if any(cell.published is not None for cell in cells):
        parts.append("Paper: the published figure.")
    if any(cell.evaluation for cell in cells):
        parts.append("Here: measured by this run.")
    if seeds > 1:
        parts.append(f"±: mean and standard deviation (n\N{MINUS SIGN}1) of {seeds} seeds.")
    if any(cell.difference is not None for cell in cells):
        parts.append("In brackets: the difference from the published figure.")
    if (several := [cell for cell in cells if len(cell.splits) > 1]) and table.splits:
        splits = sorted({split for cell in several for split in cell.splits}, key=int)
        averaged = ", each a mean over the seeds" if seeds > 1 else ""
        parts.append(f"Below a mean: the values of splits {', '.join(splits)}{averaged}.")
    if any(row.quoted for row in table.rows):
        parts.append("In italics: quoted from a publication, not measured here.")
    if any(cell.leak for cell in cells):
        parts.append(
            f"{LEAK}: a model may have learned from test videos, either with their labels (a "
            "motion model of another split) or without them (as part of the source)."
        )
    parts.append(f"{MISSING}: not published, or not measured here.")
    return " ".join(parts)


# -------------------------------------------------------------------------------------- Markdown


def markdown(table: FilledTable) -> str:
    """Writes a table in GitHub's Markdown. A column of figures becomes up to two columns, published
    and measured. The name of a section comes before its rows."""
    headings, rules = [""], ["---"]
    for column in table.recipe.columns:
        is_text = column not in table.recipe.measures
        names = [column] if is_text else [f"{column}, {side}" for side in sides(table, column)]
        headings += map(escaped, names)
        rules += ["---" if is_text else "---:"] * len(names)
    notes = any(row.recipe.note for row in table.rows)
    lines = [headings + ["note"] * notes, rules + ["---"] * notes]
    for row, begins in zip(table.rows, begins_section(table), strict=True):
        if begins:
            lines.append([f"**{escaped(row.section)}**", *[""] * (len(lines[0]) - 1)])
        lines.append([row_name(row), *row_cells(table, row), *[escaped(row.recipe.note)] * notes])
    parts = [
        f"# {escaped(table.recipe.title)}",
        escaped(table.recipe.note),
        "\n".join(f"| {' | '.join(line)} |" for line in lines),
        explanation(table),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def row_name(row: Row) -> str:
    """The name of a row, with its description below."""
    name = f"*{escaped(row.name)}*" if row.quoted else escaped(row.name)
    return (
        f"{name}<br><small>{escaped(row.recipe.description)}</small>"
        if row.recipe.description
        else name
    )


def sides(table: FilledTable, column: str) -> list[str]:
    """The columns that a column of figures becomes: 'paper' if it has any published figure, 'here'
    if it has any measured one."""
    return ["paper"] * table.published(column) + ["here"] * table.measured(column)


def row_cells(table: FilledTable, row: Row) -> list[str]:
    """The cells of a row after its name: text, or one cell for each of a column's `sides`."""
    texts = []
    for column in table.recipe.columns:
        if column not in table.recipe.measures:
            texts.append(escaped(row.recipe.text.get(column, MISSING)))
            continue
        cell = row.cells[column]
        here = measured_text(cell)
        if cell.difference is not None:
            here += f" ({signed(cell.difference)})"
        if splits := splits_text(cell):
            here += f"<br>{splits}"
        both = {"paper": figure_text(cell, cell.published), "here": here}
        texts += [both[side] for side in sides(table, column)]
    return texts


def escaped(text: str) -> str:
    """Escapes text so that Markdown shows it unchanged, and joins its lines."""
    return re.sub(r"([\\`*_\[\]<>|~$&#])", r"\\\1", " ".join(text.split()))


# ------------------------------------------------------------------------------------------- CSV


def tidy(table: FilledTable) -> pd.DataFrame:
    """Converts a table to a data frame with one row per cell.

    The columns are table, section, row, description, column, measure, text, evaluation, gain_over,
    published, measured, sd, difference, leak, seed0, ..., split1, ..., and note. `sd` (the standard
    deviation over the seeds) and the columns of seeds exist only if the table has several seeds.
    Figures are percent. Missing values are left empty.
    """
    seeds = range(table.recipe.seeds if table.recipe.seeds > 1 else 0)
    records = []
    for row in table.rows:
        for heading, column in table.recipe.columns.items():
            cell = row.cells.get(heading, Cell())
            record = {
                "table": table.name,
                "section": row.section,
                "row": row.name,
                "description": row.recipe.description,
                "column": heading,
                "measure": column.measure,
                "text": row.recipe.text.get(heading),
                "evaluation": cell.evaluation,
                "gain_over": cell.gain_over,
                "published": cell.published,
                "measured": cell.measured,
                "sd": cell.deviation,
                "difference": cell.difference,
                "leak": str(cell.leak).lower() if cell.evaluation else None,
                **{f"seed{k}": cell.seeds[k] if cell.seeds else None for k in seeds},
                **{f"split{split}": cell.splits.get(split) for split in table.splits},
                "note": row.recipe.note,
            }
            records.append(record)
    tidied = pd.DataFrame(records).round(6)  # more decimals would show floating-point noise
    return tidied if seeds else tidied.drop(columns="sd")
