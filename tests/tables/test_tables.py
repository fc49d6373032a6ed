import json

import matplotlib
import pandas as pd
import pytest

from motionfit.config import Table
from motionfit.errors import MotionFitError
from motionfit.plots import STYLE
from motionfit.tables.plot import plot
from motionfit.tables.stage import write_table
from motionfit.tables.text import explanation, figure, markdown, signed, tidy
from motionfit.tables.values import fill

TABLE = {
    "title": "Transfer | to the <target>",
    "columns": {"UCF": "recognition top1", "R@1": "retrieval clip R@1"},
    "rows": {
        "z: ours | K=4": {
            "evaluation": {"UCF": "ours", "R@1": "ours-by-clip"},
            "published": {"UCF": 51.0},
            "note": "a | b",
        },
        "a_scratch": {"evaluation": "scratch", "published": {"UCF": 40.5, "R@1": 12}},
        "others [3]": {"published": {"R@1": 30.25}},
    },
    "note": "Not of the paper's sizes.",
}


def measure(values: dict[str, float]) -> dict:
    return {"splits": values, "mean": sum(values.values()) / len(values)}


@pytest.fixture
def evaluations(tmp_path):
    for name, metrics in {
        "ours": {"recognition top1": measure({"1": 0.5, "2": 0.53, "3": 0.56})},
        "ours-by-clip": {"retrieval clip R@1": measure({"1": 0.25})},
        "scratch": {
            "recognition top1": measure({"1": 0.405, "2": 0.405}),
            "retrieval clip R@1": measure({"1": 0.1, "2": 0.2}),
        },
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps(metrics))
    return tmp_path


@pytest.fixture
def table(evaluations):
    return fill("table3", Table(**TABLE), evaluations)


def test_the_values_are_percent_with_their_mean_splits_and_difference(table):
    ours, scratch, others = table.rows
    assert ours.cells["UCF"].measured == pytest.approx(53)
    assert ours.cells["UCF"].splits == pytest.approx({"1": 50, "2": 53, "3": 56})
    assert ours.cells["UCF"].difference == pytest.approx(2)
    assert ours.cells["R@1"].evaluation == "ours-by-clip"
    assert ours.cells["R@1"].measured == pytest.approx(25)
    assert ours.cells["R@1"].difference is None
    assert scratch.cells["R@1"].difference == pytest.approx(3)
    assert others.cells["UCF"].published is others.cells["UCF"].measured is None
    assert others.cells["R@1"].published == 30.25


def test_rows_without_an_evaluation_are_quoted(table):
    assert [row.quoted for row in table.rows] == [False, False, True]


def test_rows_and_columns_keep_the_order_of_the_config(table):
    assert [row.name for row in table.rows] == ["z: ours | K=4", "a_scratch", "others [3]"]
    assert list(table.rows[0].cells) == ["UCF", "R@1"]


def test_a_measure_or_an_evaluation_that_is_missing_is_named(evaluations):
    recipe = Table(title="t", columns={"c": "recognition top5"}, rows={"r": {"evaluation": "ours"}})
    with pytest.raises(MotionFitError, match=r"ours has no 'recognition top5'"):
        fill("t", recipe, evaluations)
    (evaluations / "ours" / "metrics.json").unlink()
    with pytest.raises(MotionFitError, match=r"ours.metrics\.json is missing"):
        fill("t", recipe, evaluations)


@pytest.mark.parametrize(
    ("difference", "text"),
    [(1.25, "+1.2"), (-3.0, "\N{MINUS SIGN}3.0"), (0.04, "0.0"), (-0.04, "0.0")],
)
def test_a_difference_has_a_sign_unless_it_rounds_to_nothing(difference, text):
    assert signed(difference) == text


def test_a_figure_has_one_decimal_and_none_is_a_dash():
    assert figure(53) == "53.0"
    assert figure(None) == "—"


# --------------------------------------------------------------------------------------- Markdown


def cells(line: str) -> list[str]:
    """The cells of a line of a Markdown table, whose escaped bars do not count."""
    parts = line.replace(r"\|", "\0").strip("|").split("|")
    return [part.strip().replace("\0", "|") for part in parts]


def test_markdown_has_the_paper_beside_what_is_measured(table):
    text = markdown(table)
    assert text.startswith("# Transfer \\| to the \\<target\\>\n\nNot of the paper's sizes.\n")
    lines = [cells(line) for line in text.splitlines() if line.startswith("|")]
    assert lines[0] == ["", "UCF, paper", "UCF, here", "R@1, paper", "R@1, here", "note"]
    assert lines[2] == [
        "z: ours | K=4", "51.0", "53.0 (+2.0)<br>50.0 / 53.0 / 56.0", "—", "25.0", "a | b"
    ]  # fmt: skip
    assert lines[3] == [
        r"a\_scratch", "40.5", "40.5 (0.0)<br>40.5 / 40.5", "12.0", "15.0 (+3.0)<br>10.0 / 20.0", ""
    ]  # fmt: skip
    assert lines[4] == [r"*others \[3\]*", "—", "—", "30.2", "—", ""]
    assert {len(line) for line in lines} == {6}
    assert "—: no such figure" in text
    assert "the splits 1, 2, 3." in text


def test_what_no_row_has_gets_no_column_and_no_explanation(evaluations):
    recipe = Table(title="t", columns={"c": "retrieval clip R@1"},
                   rows={"r": {"evaluation": "ours-by-clip"}})  # fmt: skip
    table = fill("t", recipe, evaluations)
    assert "| c, here |" in markdown(table)
    for word in ("paper", "note", "quoted", "splits", "brackets"):
        assert word not in markdown(table).lower()
    assert "Paper" not in explanation(table)


# -------------------------------------------------------------------------------------------- CSV


def test_csv_comes_back_as_it_was(table, tmp_path):
    tidy(table).to_csv(tmp_path / "t.csv", index=False)
    back = pd.read_csv(tmp_path / "t.csv")
    assert list(back) == ["table", "row", "column", "measure", "evaluation", "published",
                          "measured", "difference", "split1", "split2", "split3",
                          "note"]  # fmt: skip
    assert len(back) == 6
    first = back.iloc[0]
    assert first["row"] == "z: ours | K=4"
    assert first["measure"] == "recognition top1"
    assert (first["published"], first["measured"], first["difference"]) == (51, 53, 2)
    assert (first["split1"], first["split2"], first["split3"]) == (50, 53, 56)
    quoted = back[back["row"] == "others [3]"].set_index("column")
    assert quoted["evaluation"].isna().all()
    assert quoted.loc["R@1", "published"] == 30.25
    assert pd.isna(quoted.loc["R@1", "measured"])


# ------------------------------------------------------------------------------------------ plots


def over_an_axis() -> Table:
    values = json.loads(json.dumps(TABLE))
    values["axis"] = "clusters"
    for row, x in zip(values["rows"].values(), (800, 50, 200), strict=True):
        row["x"] = x
    return Table(**values)


def test_the_plot_has_a_point_for_each_figure_in_the_order_of_the_axis(evaluations):
    with matplotlib.rc_context(STYLE):
        (axes,) = plot(fill("t", over_an_axis(), evaluations)).axes
    lines = {line.get_label(): line for line in axes.lines}
    points = {
        name: [(x, round(y, 6)) for x, y in zip(*line.get_data(), strict=True)]
        for name, line in lines.items()
    }
    assert points["UCF, published"] == [(50, 40.5), (800, 51)]
    assert points["R@1, published"] == [(50, 12), (200, 30.25)]
    assert points["UCF, measured"] == [(50, 40.5), (800, 53)]
    assert points["R@1, measured"] == [(50, 15), (800, 25)]
    assert lines["UCF, published"].get_fillstyle() == "none"
    assert lines["UCF, measured"].get_linestyle() == "-"
    assert list(axes.get_xticks()) == [50, 200, 800]
    dots = sum(len(collection.get_offsets()) for collection in axes.collections)
    assert dots == 2 + 3 + 2


def test_a_table_is_written_in_the_formats_that_are_asked_for(evaluations, tmp_path):
    files = [tmp_path / "out" / f"t.{ending}" for ending in ("md", "csv", "svg")]
    write_table("t", over_an_axis(), evaluations, files)
    assert files[0].read_text(encoding="utf-8").startswith("# Transfer")
    assert len(pd.read_csv(files[1])) == 6
    assert "<svg" in files[2].read_text(encoding="utf-8")
    with pytest.raises(MotionFitError, match="has no axis"):
        write_table("t", Table(**TABLE), evaluations, [tmp_path / "no.svg"])
    with pytest.raises(MotionFitError, match=r"written as \.md, \.csv, \.svg"):
        write_table("t", Table(**TABLE), evaluations, [tmp_path / "no.txt"])
