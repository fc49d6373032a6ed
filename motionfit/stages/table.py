"""A table of evaluations."""

from pathlib import Path

from motionfit.config import Table
from motionfit.options import JsonRecipe, Output
from motionfit.tables.files import write_table


def table(
    *,
    name: str,
    recipe: JsonRecipe[Table],
    evaluations: Path = Path("results/evaluations"),
    leaking: list[str] = (),
    output: Output,
) -> None:
    """Put the measures of evaluations beside published figures: as Markdown, CSV and, if the table
    has an axis, as a plot.

    Parameters
    ----------
    name
        Name of the table.
    evaluations
        Folder that holds one folder per evaluation.
    leaking
        Evaluations whose test videos may have been learned from.
    """
    outputs = [output, output.with_suffix(".csv")]
    if recipe.axis:
        outputs.append(output.with_suffix(".svg"))
    write_table(name, recipe, evaluations, leaking, outputs)
