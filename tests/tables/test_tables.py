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


MINUS = "\N{MINUS SIGN}"


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
    """The cells of a line of a Markdown table. Escaped bars do not separate cells."""
    parts = line.replace(r"\|", "\0").strip("|").split("|")
    return [part.strip().replace("\0", "|") for part in parts]


def test_markdown_has_the_paper_beside_what_is_measured(table):
    text = markdown(table)
    assert text.startswith("# Transfer \\| to the \\<target\\>\n\nNot of the paper's sizes.\n")
    lines = [cells(line) for line in text.splitlines() if line.startswith("|")]
    assert lines[0] == ["", "UCF, paper", "UCF, here", "R@1, paper", "R@1, here", "note"]
    assert lines[2] == [
        "z: ours | K=4",
        "51.0",
        "53.0 (+2.0)<br>50.0 / 53.0 / 56.0",
        "—",
        "25.0",
        "a | b",
    ]
    assert lines[3] == [
        r"a\_scratch",
        "40.5",
        "40.5 (0.0)<br>40.5 / 40.5",
        "12.0",
        "15.0 (+3.0)<br>10.0 / 20.0",
        "",
    ]
    assert lines[4] == [r"*others \[3\]*", "—", "—", "30.2", "—", ""]
    assert {len(line) for line in lines} == {6}
    assert "—: no such figure" in text
    assert "the splits 1, 2, 3." in text


def test_what_no_row_has_gets_no_column_and_no_explanation(evaluations):
    recipe = Table(
        title="t", columns={"c": "retrieval clip R@1"}, rows={"r": {"evaluation": "ours-by-clip"}}
    )
    table = fill("t", recipe, evaluations)
    assert "| c, here |" in markdown(table)
    for word in ("paper", "note", "quoted", "splits", "brackets"):
        assert word not in markdown(table).lower()
    assert "Paper" not in explanation(table)


# -------------------------------------------------------------------------------------------- CSV


def test_csv_comes_back_as_it_was(table, tmp_path):
    tidy(table).to_csv(tmp_path / "t.csv", index=False)
    back = pd.read_csv(tmp_path / "t.csv")
    assert list(back) == [
        "table",
        "section",
        "row",
        "description",
        "column",
        "measure",
        "text",
        "evaluation",
        "gain_over",
        "published",
        "measured",
        "difference",
        "leak",
        "split1",
        "split2",
        "split3",
        "note",
    ]
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
    write_table("t", over_an_axis(), evaluations, ["scratch"], files)
    assert files[0].read_text(encoding="utf-8").startswith("# Transfer")
    leak = pd.read_csv(files[1]).set_index("row")["leak"]
    assert leak["a_scratch"].tolist() == [True, True]
    assert leak["z: ours | K=4"].tolist() == [False, False]
    assert leak["others [3]"].isna().all()
    assert "<svg" in files[2].read_text(encoding="utf-8")
    with pytest.raises(MotionFitError, match="has no axis"):
        write_table("t", Table(**TABLE), evaluations, [], [tmp_path / "no.svg"])
    with pytest.raises(MotionFitError, match=r"written as \.md, \.csv, \.svg"):
        write_table("t", Table(**TABLE), evaluations, [], [tmp_path / "no.txt"])


def over_the_columns() -> Table:
    """A table whose columns have the positions K, except one column and one row."""
    columns = {
        "K=8": {"measure": "recognition top1", "x": 8},
        "all": "recognition top1",
        "K=2": {"measure": "recognition top1", "x": 2},
    }
    rows = {
        "z-source": {
            "evaluation": {"K=8": "ours", "K=2": "scratch", "all": "ours"},
            "published": {"K=2": 41},
        },
        "quoted": {"published": {"K=2": 30, "K=8": 31, "all": 32}},
        "unplotted": {"published": {"all": 33}},
        "gain": {"evaluation": "ours", "gain_over": "other"},
    }
    return Table(title="t", axis="K", columns=columns, rows=rows)


def test_where_the_columns_have_a_place_the_rows_are_plotted(other):
    with matplotlib.rc_context(STYLE):
        drawn = plot(fill("t", over_the_columns(), other))
    (axes,) = drawn.axes
    points = {line.get_label(): [*line.get_xdata()] for line in axes.lines}
    assert points == {
        "z-source, published": [2],
        "z-source, measured": [2, 8],
        "quoted, published": [2, 8],
    }
    measured = next(line for line in axes.lines if line.get_label() == "z-source, measured")
    assert [*measured.get_ydata()] == pytest.approx([40.5, 53])
    assert list(axes.get_xticks()) == [2, 8]
    (legend,) = drawn.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["z-source", "quoted", "paper", "here"]


# ------------------------------------------------------------------------------- words, sections


WORDS = {
    "title": "t",
    "columns": {"Backbone": "text", "UCF": "recognition top1", "Frames | s": "text"},
    "rows": {
        "first": {"published": {"UCF": 1.0}, "text": {"Backbone": "R(2+1)D-18"}},
        "second": {
            "published": {"UCF": 2.0},
            "section": "With ImageNet's *labels*",
            "text": {"Frames | s": 16},
        },
        "third": {"published": {"UCF": 3.0}, "description": "Of 2 | 3 things."},
        "fourth": {"published": {"UCF": 4.0}, "section": "With ImageNet's *labels*"},
        "ours": {
            "evaluation": "scratch",
            "section": "Own",
            "text": {"Backbone": "S3D_G"},
            "description": "Made here.",
        },
    },
}


@pytest.fixture
def words(evaluations):
    return fill("words", Table(**WORDS), evaluations)


def test_words_stand_where_the_config_puts_them(words):
    lines = [cells(line) for line in markdown(words).splitlines() if line.startswith("|")]
    assert lines[0] == ["", "Backbone", "UCF, paper", "UCF, here", r"Frames \| s".replace("\\", "")]
    assert lines[1] == ["---", "---", "---:", "---:", "---"]
    assert lines[2] == ["*first*", "R(2+1)D-18", "1.0", "—", "—"]
    assert lines[4] == ["*second*", "—", "2.0", "—", "16"]
    assert {len(line) for line in lines} == {5}
    table = tidy(words)
    assert table["column"].tolist() == ["Backbone", "UCF", "Frames | s"] * 5
    by_cell = table.set_index(["row", "column"])
    assert by_cell.loc[("second", "Frames | s"), "text"] == "16"
    assert by_cell.loc[("second", "Frames | s"), "measure"] == "text"
    assert by_cell.loc[("first", "Backbone"), "text"] == "R(2+1)D-18"
    assert by_cell.loc[("ours", "UCF"), "measured"] == 40.5
    assert pd.isna(by_cell.loc[("ours", "UCF"), "text"])


def test_a_section_has_one_heading_row(words):
    names = [cells(line)[0] for line in markdown(words).splitlines() if line.startswith("|")]
    assert names[2:] == [
        "*first*",
        r"**With ImageNet's \*labels\***",
        "*second*",
        "*third*<br><small>Of 2 | 3 things.</small>",
        "*fourth*",
        "**Own**",
        r"ours<br><small>Made here.</small>",
    ]
    sections = tidy(words).drop_duplicates("row")["section"].tolist()
    assert sections == ["", *["With ImageNet's *labels*"] * 3, "Own"]
    descriptions = tidy(words).drop_duplicates("row")["description"].tolist()
    assert descriptions == ["", "", "Of 2 | 3 things.", "", "Made here."]


# --------------------------------------------------------------------------------- gains, leaks


@pytest.fixture
def other(evaluations):
    """Another evaluation with as many splits as `ours`."""
    (evaluations / "other").mkdir()
    metrics = {"recognition top1": measure({"1": 0.49, "2": 0.535, "3": 0.53})}
    (evaluations / "other" / "metrics.json").write_text(json.dumps(metrics))
    return evaluations


def test_a_gain_is_the_difference_of_two_evaluations_split_by_split(other):
    rows = {
        "gain": {"evaluation": "ours", "gain_over": {"UCF": "other"}, "published": {"UCF": 0.4}},
        "loss": {"evaluation": "other", "gain_over": "ours"},
    }
    table = fill("t", Table(title="t", columns={"UCF": "recognition top1"}, rows=rows), other)
    gain = table.rows[0].cells["UCF"]
    assert gain.measured == pytest.approx(53 - (49 + 53.5 + 53) / 3)
    assert gain.splits == pytest.approx({"1": 1, "2": -0.5, "3": 3})
    assert table.rows[1].cells["UCF"].measured == pytest.approx(-gain.measured)
    lines = [cells(line) for line in markdown(table).splitlines() if line.startswith("|")]
    assert lines[2][1:] == ["+0.4", f"+1.2 (+0.8)<br>+1.0 / {MINUS}0.5 / +3.0"]
    assert lines[3][1:] == ["—", f"{MINUS}1.2<br>{MINUS}1.0 / +0.5 / {MINUS}3.0"]
    assert "gains (with a sign) percentage points" in explanation(table)
    assert tidy(table)["gain_over"].tolist() == ["other", "ours"]


def test_a_cell_whose_test_videos_may_have_been_learned_from_is_marked(other):
    rows = {
        "a": {"evaluation": "ours"},
        "b": {"evaluation": "other", "published": {"UCF": 50}},
        "gain": {"evaluation": "ours", "gain_over": "other"},
    }
    recipe = Table(title="t", columns={"UCF": "recognition top1"}, rows=rows)
    marked = fill("t", recipe, other, {"other"})
    shown = [cells(line)[-1] for line in markdown(marked).splitlines() if line.startswith("|")]
    assert all("†" not in text for text in shown[:3])
    assert shown[2].startswith("53.0<br>")
    assert shown[3].startswith("51.8† (+1.8)<br>")
    assert shown[4].startswith("+1.2†<br>")
    assert "†: test videos may have been learned from" in explanation(marked)
    assert tidy(marked)["leak"].tolist() == ["false", "true", "true"]
    assert "†" not in markdown(fill("t", recipe, other))


# ----------------------------------------------------------------------------------------- seeds


@pytest.fixture
def seeded(evaluations):
    """Three seeds of `ours` and of `scratch`, over two splits."""
    values = {
        "ours": ((0.50, 0.52), (0.55, 0.57), (0.49, 0.51)),
        "scratch": ((0.40, 0.42), (0.42, 0.44), (0.41, 0.43)),
    }
    for name, seeds in values.items():
        for seed, (first, second) in enumerate(seeds):
            folder = evaluations / (f"{name}.seed{seed}" if seed else name)
            folder.mkdir(exist_ok=True)
            metrics = {"recognition top1": measure({"1": first, "2": second})}
            (folder / "metrics.json").write_text(json.dumps(metrics))
    return evaluations


def with_seeds(seeds: int = 3) -> Table:
    columns = {"UCF": {"measure": "recognition top1", "x": 1}}
    rows = {
        "ours": {"evaluation": "ours", "published": {"UCF": 52}},
        "gain": {"evaluation": "ours", "gain_over": "scratch"},
        "quoted": {"published": {"UCF": 30}},
    }
    return Table(title="t", axis="K", columns=columns, rows=rows, seeds=seeds)


def test_seeds_give_a_mean_and_its_standard_deviation(seeded):
    table = fill("t", with_seeds(), seeded)
    ours, gain, quoted = (row.cells["UCF"] for row in table.rows)
    assert ours.seeds == pytest.approx([51, 56, 50])
    assert ours.measured == pytest.approx(157 / 3)
    assert ours.deviation == pytest.approx(31**0.5 / 3**0.5)  # sums of squares over n-1
    assert ours.splits == pytest.approx({"1": 154 / 3, "2": 160 / 3})
    assert gain.seeds == pytest.approx([10, 13, 8])  # with the same seed
    assert (quoted.measured, quoted.deviation, quoted.seeds) == (None, None, [])
    lines = [cells(line) for line in markdown(table).splitlines() if line.startswith("|")]
    assert lines[2][2] == "52.3 ± 3.2 (+0.3)<br>51.3 / 53.3"
    assert lines[3][2] == "+10.3 ± 2.5<br>+10.3 / +10.3"
    assert lines[4] == ["*quoted*", "30.0", "—"]
    assert "±: mean and standard deviation (n\N{MINUS SIGN}1) of 3 seeds." in explanation(table)
    assert "each a mean over the seeds" in explanation(table)


def test_the_csv_has_a_column_for_each_seed(seeded):
    values = tidy(fill("t", with_seeds(), seeded)).set_index("row")
    assert values.loc["ours", ["seed0", "seed1", "seed2"]].tolist() == [51, 56, 50]
    assert values.loc["ours", "sd"] == pytest.approx(3.21455)
    assert values.loc["quoted", ["sd", "seed0", "seed1", "seed2"]].isna().all()
    assert not {"sd", "seed0"} & {*tidy(fill("t", with_seeds(1), seeded))}


def test_the_plot_has_bars_of_the_standard_deviation(seeded):
    with matplotlib.rc_context(STYLE):
        (axes,) = plot(fill("t", with_seeds(), seeded)).axes
    (bars,) = axes.containers
    (segments,) = bars[2]
    ((_, low), (_, high)) = segments.get_segments()[0]
    assert high - low == pytest.approx(2 * 3.21455, abs=1e-4)
    assert (low + high) / 2 == pytest.approx(157 / 3)
