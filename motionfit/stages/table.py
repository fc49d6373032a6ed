"""Makes a table of evaluations."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from motionfit import options
from motionfit.config import Table
from motionfit.files import replacing
from motionfit.tables.plot import plot_svg
from motionfit.tables.text import markdown, tidy
from motionfit.tables.values import fill


def table(
    *,
    name: str,
    recipe: options.JsonRecipe[Table],
    evaluations: Path = Path("results/evaluations"),
    leaking: Annotated[list[str], Parameter(show_default=False)] = (),
    output: options.Output,
) -> None:
    """Put the measures of evaluations beside published figures.

    The table is written as Markdown and CSV. If it has an axis, a plot of it is drawn too, as SVG.

    Parameters
    ----------
    name
        Name of the table.
    evaluations
        Folder that holds one folder per evaluation.
    leaking
        Evaluations whose test videos may have been learned from (default: none).
    """
    filled = fill(name, recipe, evaluations, {*leaking})
    written = {".md": markdown(filled), ".csv": tidy(filled).to_csv(index=False)}
    if recipe.axis:
        written[".svg"] = plot_svg(filled)
    for ending, text in written.items():
        with replacing(output.with_suffix(ending)) as temporary:
            temporary.write_text(text, encoding="utf-8")
