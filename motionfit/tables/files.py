"""The stage that makes a table's files."""

from collections.abc import Sequence
from pathlib import Path

from motionfit.config import Table
from motionfit.errors import MotionFitError
from motionfit.files import replacing
from motionfit.tables.plot import plot_svg
from motionfit.tables.text import markdown, tidy
from motionfit.tables.values import fill

WRITERS = {
    ".md": markdown,
    ".csv": lambda table: tidy(table).to_csv(index=False),
    ".svg": plot_svg,
}


def write_table(
    name: str, recipe: Table, evaluations: Path, leaking: Sequence[str], outputs: list[Path]
) -> None:
    """Writes a table in each of the formats that the endings of `outputs` name: .md, .csv, .svg.
    `leaking`: the evaluations whose test videos may have been learned from.

    Raises MotionFitError where an ending is another, or a plot is asked of a table without axis.
    """
    for output in outputs:
        if output.suffix not in WRITERS:
            raise MotionFitError(f"{output}: a table is written as {', '.join(WRITERS)}")
        if output.suffix == ".svg" and recipe.axis is None:
            raise MotionFitError(f"{output}: the table {name!r} has no axis to be plotted over")
    table = fill(name, recipe, evaluations, {*leaking})
    for output in outputs:
        with replacing(output) as temporary:
            temporary.write_text(WRITERS[output.suffix](table), encoding="utf-8")
