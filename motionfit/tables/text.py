"""A table as text: Markdown for readers, CSV for programs."""

import re

import pandas as pd

from motionfit.tables.values import Cell, FilledTable, Row

NOTHING = "—"


def figure(value: float | None) -> str:
    """A figure with one decimal."""
    return NOTHING if value is None else f"{value:.1f}"


def signed(difference: float) -> str:
    """A difference with its sign; one that rounds to nothing has none."""
    text = f"{abs(difference):.1f}"
    if text == "0.0":
        return text
    return ("+" if difference > 0 else "\N{MINUS SIGN}") + text


def splits_text(cell: Cell) -> str:
    """The values of the splits, where there are several: '51.0 / 52.3 / 50.9'."""
    return " / ".join(map(figure, cell.splits.values())) if len(cell.splits) > 1 else ""


def explanation(table: FilledTable) -> str:
    """What a reader has to know of the figures, in words."""
    cells = [cell for row in table.rows for cell in row.cells.values()]
    parts = ["All figures are percent."]
    if any(cell.published is not None for cell in cells):
        parts.append("Paper: as published.")
    if any(cell.evaluation for cell in cells):
        parts.append("Here: measured by this run.")
    if any(cell.difference is not None for cell in cells):
        parts.append("In brackets: the difference from the published figure.")
    if (several := [cell for cell in cells if len(cell.splits) > 1]) and table.splits:
        shown = sorted({split for cell in several for split in cell.splits}, key=int)
        parts.append(f"Below a mean: the splits {', '.join(shown)}.")
    if any(row.quoted for row in table.rows):
        parts.append("In italics: quoted, not measured here.")
    parts.append(f"{NOTHING}: no such figure was published, or none was measured here.")
    return " ".join(parts)


# -------------------------------------------------------------------------------------- Markdown


def markdown(table: FilledTable) -> str:
    """A table in GitHub's Markdown: for each column the paper's figure and what is measured."""
    headings = [""]
    for column in table.columns:
        headings += [f"{escaped(column)}, {side}" for side in sides(table, column)]
    notes = any(row.note for row in table.rows)
    headings += ["note"] if notes else []
    lines = [headings, ["---", *["---:"] * (len(headings) - 1 - notes), *["---"] * notes]]
    for row in table.rows:
        name = f"*{escaped(row.name)}*" if row.quoted else escaped(row.name)
        lines.append([name, *values(table, row), *[escaped(row.note)] * notes])
    parts = [
        f"# {escaped(table.title)}",
        escaped(table.note),
        "\n".join(f"| {' | '.join(line)} |" for line in lines),
        explanation(table),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def sides(table: FilledTable, column: str) -> list[str]:
    """'paper' and 'here', as far as a column has any figure of them."""
    return ["paper"] * table.published(column) + ["here"] * table.measured(column)


def values(table: FilledTable, row: Row) -> list[str]:
    """The cells of a row, as many as `sides` says for each column."""
    texts = []
    for column, cell in row.cells.items():
        here = figure(cell.measured)
        if cell.difference is not None:
            here += f" ({signed(cell.difference)})"
        if splits := splits_text(cell):
            here += f"<br>{splits}"
        both = {"paper": figure(cell.published), "here": here}
        texts += [both[side] for side in sides(table, column)]
    return texts


def escaped(text: str) -> str:
    """Text as Markdown that shows it as it is, in one line."""
    return re.sub(r"([\\`*_\[\]<>|~$&#])", r"\\\1", " ".join(text.split()))


# ------------------------------------------------------------------------------------------- CSV


def tidy(table: FilledTable) -> pd.DataFrame:
    """A row a cell: table, row, column, measure, evaluation, published, measured, difference, a
    column a split (split1, ...) and note. Figures are percent; what there is not is empty."""
    records = [
        {
            "table": table.name,
            "row": row.name,
            "column": column,
            "measure": table.columns[column],
            "evaluation": cell.evaluation,
            "published": cell.published,
            "measured": rounded(cell.measured),
            "difference": rounded(cell.difference),
            **{f"split{split}": rounded(cell.splits.get(split)) for split in table.splits},
            "note": row.note,
        }
        for row in table.rows
        for column, cell in row.cells.items()
    ]
    return pd.DataFrame(records)


def rounded(value: float | None) -> float | None:
    """Free of the noise of floating point."""
    return None if value is None else round(value, 6)
