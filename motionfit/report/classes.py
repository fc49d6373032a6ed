"""The accuracy of each class: that of the best self-trained network beside random weights."""

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from motionfit.plots import BLUE, GREY, STYLE, Point, shortened, svg
from motionfit.report.plots import Plot, PlotSection
from motionfit.report.run import Run
from motionfit.report.verdicts import answers_of_both

SHOWN = 40
"""With more classes, those with the largest gains and the largest losses are shown."""


def class_section(run: Run) -> PlotSection:
    """The accuracy of each class in the two compared evaluations."""
    if len(run.compared) < 2:
        text = "This run has no self-trained network and one from random weights to compare."
        return PlotSection("classes", "Classes", [text], [])
    first, second = run.compared
    table = class_accuracies(run)
    text = (
        f"The share of each class's test videos that {first.name} (blue) and {second.name} (grey) "
        "recognise, over all splits and seeds. The class that gains most is on top."
    )
    if len(table) > SHOWN:
        half = SHOWN // 2
        table = pd.concat([table.head(half), table.tail(half)])
        text += f" Shown are the {half} largest gains, and the {half} smallest."
    plot = Plot(first.name, f"and {second.name}", class_gains(run, table))
    return PlotSection("classes", "Classes", [text], [plot], wide=True)


def class_accuracies(run: Run) -> pd.DataFrame:
    """One row per class, the largest gain first: `first` and `second`, the accuracies of the
    compared evaluations, and `videos`, the number of its test videos."""
    first, second = run.compared
    labels = run.indices[first.recipe.dataset].set_index("video")["label"]
    paired = answers_of_both(run, first, second)
    by_class = paired.groupby(paired["video"].map(labels))
    rights = by_class[["right_first", "right_second"]].mean()
    table = rights.set_axis(["first", "second"], axis=1).assign(videos=by_class["video"].nunique())
    gains = (table["second"] - table["first"]).sort_values(kind="stable")
    return table.loc[gains.index]


@matplotlib.rc_context(STYLE)
def class_gains(run: Run, table: pd.DataFrame) -> str:
    """Draws one line per class from the accuracy of the second evaluation to that of the first."""
    first, second = (evaluation.name for evaluation in run.compared)
    figure = Figure(figsize=(6.6, 0.55 + 0.17 * len(table)), layout="constrained")
    axis = figure.subplots()
    rows = range(len(table))
    ends = {name: (100 * table[name]).to_list() for name in ("first", "second")}
    axis.hlines(rows, ends["second"], ends["first"], color="#c3cbd3", linewidth=2.5, zorder=1)
    axis.scatter(ends["second"], rows, s=22, color=GREY, zorder=2)
    axis.scatter(ends["first"], rows, s=22, color=BLUE, zorder=3)
    axis.set_yticks(rows, [shortened(name, 28) for name in table.index])
    axis.set_ylim(len(table) - 0.4, -0.6)
    axis.set_xlim(-2, 102)
    axis.set_xlabel("test videos that are recognised, %")
    axis.grid(axis="x", color="#e3e7eb", linewidth=0.6)
    points = [
        Point(
            axis,
            100 * value,
            row,
            f"{found.Index}: {first} {100 * found.first:.0f}%, {second} {100 * found.second:.0f}% "
            f"of {found.videos} videos ({100 * (found.first - found.second):+.0f} points)",
        )
        for row, found in enumerate(table.itertuples())
        for value in (found.first, found.second)
    ]
    return svg(figure, f"Accuracy of each class of {first} and {second}", points)
