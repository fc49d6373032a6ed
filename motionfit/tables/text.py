"""Writes a table as text: Markdown for readers, CSV for programs."""

import re
from itertools import pairwise

import pandas as pd

from motionfit.tables.values import Cell, FilledTable, Row

NOTHING = "—"
LEAK = "†"


def figure(value: float | None) -> str:
    """A figure with one decimal, or a dash if there is none."""
    return NOTHING if value is None else f"{value:.1f}"


def signed(difference: float) -> str:
    """A difference with its sign. A difference that rounds to zero has no sign."""
    text = f"{abs(difference):.1f}"
    if text == "0.0":
        return text
    return ("+" if difference > 0 else "\N{MINUS SIGN}") + text


def cell_figure(cell: Cell, value: float | None) -> str:
    """A figure of a cell, with a sign if it is a gain."""
    return figure(value) if value is None or cell.gain_over is None else signed(value)


def published_text(cell: Cell) -> str:
    """The published figure."""
    return cell_figure(cell, cell.published)


def measured_text(cell: Cell) -> str:
    """The measured figure: '57.7', or '57.7 ± 0.8' with several seeds. It is marked if test videos
    may have been learned from."""
    text = cell_figure(cell, cell.measured)
    if cell.deviation is not None:
        text += f" ± {figure(cell.deviation)}"
    return text + LEAK * cell.leak


def splits_text(cell: Cell) -> str:
    """The values of several splits, such as '51.0 / 52.3 / 50.9', or '' for a single split."""
    if len(cell.splits) < 2:
        return ""
    return " / ".join(cell_figure(cell, value) for value in cell.splits.values())


def begins_section(table: FilledTable) -> list[bool]:
    """For each row, whether it is the first row of its section."""
    sections = ["", *(row.section for row in table.rows)]
    return [section != before for before, section in pairwise(sections)]


def explanation(table: FilledTable) -> str:
    """A text that explains the figures to a reader."""
    cells = table.cells
    parts = ["All figures are percent."]
    if any(cell.gain_over for cell in cells):
        parts = ["All figures are percent, gains (with a sign) percentage points."]
    if any(cell.published is not None for cell in cells):
        parts.append("Paper: as published.")
    if any(cell.evaluation for cell in cells):
        parts.append("Here: measured by this run.")
    if table.seeds > 1:
        parts.append(f"±: mean and standard deviation (n\N{MINUS SIGN}1) of {table.seeds} seeds.")
    if any(cell.difference is not None for cell in cells):
        parts.append("In brackets: the difference from the published figure.")
    if (several := [cell for cell in cells if len(cell.splits) > 1]) and table.splits:
        shown = sorted({split for cell in several for split in cell.splits}, key=int)
        over = ", each a mean over the seeds" if table.seeds > 1 else ""
        parts.append(f"Below a mean: the splits {', '.join(shown)}{over}.")
    if any(row.quoted for row in table.rows):
        parts.append("In italics: quoted, not measured here.")
    if any(cell.leak for cell in cells):
        parts.append(
            f"{LEAK}: test videos may have been learned from, with their labels by a motion model "
            "of another split, or without as part of the source."
        )
    parts.append(f"{NOTHING}: no such figure was published, or none was measured here.")
    return " ".join(parts)


# -------------------------------------------------------------------------------------- Markdown


def markdown(table: FilledTable) -> str:
    """The table in GitHub's Markdown. A column has words, or the paper's and the measured figures.
    The name of a section comes before its rows."""
    headings, rules = [""], ["---"]
    for column in table.columns:
        words = column not in table.measures
        names = [column] if words else [f"{column}, {side}" for side in sides(table, column)]
        headings += map(escaped, names)
        rules += ["---" if words else "---:"] * len(names)
    notes = any(row.note for row in table.rows)
    lines = [headings + ["note"] * notes, rules + ["---"] * notes]
    for row, begins in zip(table.rows, begins_section(table), strict=True):
        if begins:
            lines.append([f"**{escaped(row.section)}**", *[""] * (len(lines[0]) - 1)])
        lines.append([row_name(row), *values(table, row), *[escaped(row.note)] * notes])
    parts = [
        f"# {escaped(table.title)}",
        escaped(table.note),
        "\n".join(f"| {' | '.join(line)} |" for line in lines),
        explanation(table),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def row_name(row: Row) -> str:
    """The name of a row, with its description below."""
    name = f"*{escaped(row.name)}*" if row.quoted else escaped(row.name)
    return f"{name}<br><small>{escaped(row.description)}</small>" if row.description else name


def sides(table: FilledTable, column: str) -> list[str]:
    """'paper' and 'here', each if the column has such figures."""
    return ["paper"] * table.published(column) + ["here"] * table.measured(column)


def values(table: FilledTable, row: Row) -> list[str]:
    """The cells of a row: for each column its words, or a figure for each of its `sides`."""
    texts = []
    for column in table.columns:
        if column not in table.measures:
            texts.append(escaped(row.text.get(column, NOTHING)))
            continue
        cell = row.cells[column]
        here = measured_text(cell)
        if cell.difference is not None:
            here += f" ({signed(cell.difference)})"
        if splits := splits_text(cell):
            here += f"<br>{splits}"
        both = {"paper": published_text(cell), "here": here}
        texts += [both[side] for side in sides(table, column)]
    return texts


def escaped(text: str) -> str:
    """Escapes text for Markdown, in one line."""
    return re.sub(r"([\\`*_\[\]<>|~$&#])", r"\\\1", " ".join(text.split()))


# ------------------------------------------------------------------------------------------- CSV


def tidy(table: FilledTable) -> pd.DataFrame:
    """The table with one row per cell.

    The columns are table, section, row, description, column, measure, text, evaluation, gain_over,
    published, measured, sd (over the seeds), difference, leak, one column per seed if there are
    several (seed0, ...), one column per split (split1, ...) and note. Figures are percent. Missing
    values are empty.
    """
    records = [
        {
            "table": table.name,
            "section": row.section,
            "row": row.name,
            "description": row.description,
            "column": heading,
            "measure": column.measure,
            "text": row.text.get(heading),
            **figures(table, row.cells.get(heading, Cell())),
            "note": row.note,
        }
        for row in table.rows
        for heading, column in table.columns.items()
    ]
    return pd.DataFrame(records)


def figures(table: FilledTable, cell: Cell) -> dict[str, str | float | None]:
    """The values of a cell in the CSV file."""
    several = range(table.seeds if table.seeds > 1 else 0)
    return {
        "evaluation": cell.evaluation,
        "gain_over": cell.gain_over,
        "published": cell.published,
        "measured": rounded(cell.measured),
        **({"sd": rounded(cell.deviation)} if several else {}),
        "difference": rounded(cell.difference),
        "leak": str(cell.leak).lower() if cell.evaluation else None,
        **{f"seed{k}": rounded(cell.seeds[k]) if cell.seeds else None for k in several},
        **{f"split{split}": rounded(cell.splits.get(split)) for split in table.splits},
    }


def rounded(value: float | None) -> float | None:
    """The value without floating-point noise."""
    return None if value is None else round(value, 6)
