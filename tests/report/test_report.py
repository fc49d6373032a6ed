import json
import re
import statistics
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from fake_run import fake_benchmark, fake_run

from motionfit.config import Config, load_config
from motionfit.errors import MotionFitError
from motionfit.graph import needed_by_evaluations
from motionfit.report import write_report
from motionfit.report.collect import read_costs
from motionfit.report.drawing import (
    FLOW,
    artefact_graph,
    draw,
    name_lines,
    without_unused,
)
from motionfit.report.exhibits import choose_clusters
from motionfit.report.pictures import (
    StoredClips,
    colour_wheel,
    common_scale,
    flow_arrows,
    spread,
    spread_over,
)
from motionfit.report.plots import confusion_counts
from motionfit.report.results_table import chance_recall
from motionfit.report.run import MAX_FEATURED
from motionfit.seeds import with_seeds
from motionfit.tables.text import signed

LABELS = ["a<b & 'c'", "Größe ändern", "walk", "cash $_{$", "passing the ball to somebody"]

SECTIONS = [
    "results",
    "next",
    "learned",
    "classes",
    "confusion",
    "curves",
    "failures",
    "map",
    "pseudo-labels",
    "flow",
    "retrieval",
    "leaks",
    "graph",
    "cost",
    "config",
]


def make_config(**changes) -> Config:
    """A small run whose names have all characters that names may have."""
    training = {"crop": 16}
    values = {
        "datasets": {
            "target-1": {"format": "ucf101", "videos": "/videos", "annotations": "/lists"},
            "source_2.0": {"format": "folders", "videos": "/videos", "labelled": False},
        },
        "flow": {"tv-l1.fast": {"size": [24, 32]}},
        "motion_models": {
            "motion": {"dataset": "target-1", "flow": "tv-l1.fast", "training": training}
        },
        "pseudo_labels": {
            "k-means.9": {"motion_model": "motion", "dataset": "source_2.0", "clusters": 9}
        },
        "appearance_models": {
            "rgb": {"pseudo_labels": "k-means.9", "frame_size": [24, 32], "training": training},
            "scratch": {"pseudo_labels": None, "frame_size": [24, 32], "training": training},
        },
        "evaluations": {
            "self-trained": {"model": "rgb", "dataset": "target-1", "fine_tuning": training},
            "from-scratch": {"model": "scratch", "dataset": "target-1", "fine_tuning": training},
            "on.flow": {"model": "motion", "dataset": "target-1", "fine_tuning": None},
        },
    }
    return load_config(values | changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A config, its results and its report."""
    config = make_config()
    results = fake_run(config, tmp_path_factory.mktemp("run") / "results", LABELS)
    fake_benchmark(results / "benchmarks" / "flow" / "target-1" / "0.tsv", 40.5, 300)
    fake_benchmark(results / "benchmarks" / "flow" / "target-1" / "1.tsv", 80.5, 1900)
    output = results / "report" / "index.html"
    write_report(config, results, output)
    return config, results, output.read_text(encoding="utf-8")


class Tags(HTMLParser):
    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_the_report_is_one_file_that_needs_no_other(run):
    _, results, html = run
    assert [p.name for p in (results / "report").iterdir()] == ["index.html"]
    without_namespaces = re.sub(r'xmlns(:\w+)?="[^"]*"', "", html)
    assert not re.search(r"https?://|@import|<!DOCTYPE svg", without_namespaces)
    for tag, attributes in Tags(html).tags:
        assert tag not in ("link", "iframe", "object")
        for key in ("src", "href", "xlink:href"):
            value = attributes.get(key, "#")
            assert value.startswith(("#", "data:image/")), (tag, value[:80])
    assert set(re.findall(r"url\((.)", html)) <= {"#"}


def test_ids_are_unique_and_references_lead_somewhere(run):
    _, _, html = run
    ids = [attributes["id"] for _, attributes in Tags(html).tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([^)"]+)', html)) <= set(ids)


def test_all_sections_are_there_in_order(run):
    _, _, html = run
    assert re.findall(r'<section id="([^"]+)"', html) == SECTIONS


def test_every_evaluation_is_there_with_its_values_and_chance(run):
    config, results, html = run
    table = html[html.index('<section id="results"') : html.index('<section id="next"')]
    for name in config.evaluations:
        row = table[table.index(f"<th>{name}</th>") :]
        row = row[: row.index("</tr>")]
        measures = json.loads((results / "evaluations" / name / "metrics.json").read_text())
        del measures["recognition videos"]
        for measure in measures.values():
            assert re.search(rf">{100 * measure['mean']:.1f}<", row)
    assert "5 classes, chance of top-1 20.0%" in table


def test_labels_are_escaped(run):
    _, _, html = run
    assert "a<b" not in html
    assert "a&lt;b" in html
    assert "/video 1 &amp; co.mp4" in html
    assert "Größe ändern" in html
    assert ">cash $_{$</text>" in html


def test_the_graph_has_every_artefact(run):
    config, _, html = run
    graph = html[html.index('<section id="graph"') : html.index('<section id="cost"')]
    for section in (
        "datasets",
        "flow",
        "motion_models",
        "pseudo_labels",
        "appearance_models",
        "evaluations",
    ):
        for name in getattr(config, section):
            assert f"<title>{name}," in graph


def test_the_config_and_versions_are_there(run):
    _, _, html = run
    assert "k-means.9:" in html
    assert "python 3." in html


@pytest.mark.parametrize(
    "missing",
    [
        "index/target-1.csv",
        "evaluations/from-scratch/metrics.json",
        "evaluations/self-trained/split1/history.csv",
        "evaluations/on.flow/split1/predictions.csv",
        "evaluations/self-trained/split1/neighbours.csv",
        "models/rgb/split1/history.csv",
        "pseudo_labels/k-means.9/split1/quality.json",
    ],
)
def test_a_missing_result_is_named(run, missing):
    config, results, _ = run
    file = results / missing
    text = file.read_text()
    file.unlink()
    with pytest.raises(MotionFitError, match=re.escape(str(file))):
        write_report(config, results, results / "broken.html")
    file.write_text(text)
    assert not (results / "broken.html").exists()


def test_without_appearance_models_there_are_no_pseudo_labels(tmp_path):
    only = {"on.flow": {"model": "motion", "dataset": "target-1", "fine_tuning": None}}
    config = make_config(pseudo_labels={}, appearance_models={}, evaluations=only)
    write_report(config, fake_run(config, tmp_path / "results", LABELS), tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "This run has no pseudo-labels." in html
    assert "There are no benchmark files" in html
    assert "on.flow" in html


def test_results_that_no_evaluation_needs_may_be_missing(tmp_path):
    only = {
        "from-scratch": {"model": "scratch", "dataset": "target-1", "fine_tuning": {"crop": 16}}
    }
    config = make_config(evaluations=only)
    needed = needed_by_evaluations(config)
    assert needed.datasets == ["target-1"]
    assert not needed.splits("motion_model")
    assert not needed.of("flow")
    write_report(config, fake_run(config, tmp_path / "results", LABELS), tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "This run has no flow." in html
    assert re.search(r'unused" [^>]*><title>k-means\.9,', html)


def test_several_splits_are_all_shown(tmp_path):
    tuned = {"dataset": "target-1", "splits": [1, 2, 3], "fine_tuning": {"crop": 16}}
    recipe = make_config().motion_models["motion"].model_dump(mode="json")
    config = make_config(
        motion_models={"motion": recipe, "split-2": recipe | {"motion_split": 2}},
        evaluations={"all": {"model": "motion", **tuned}, "leaky": {"model": "split-2", **tuned}},
    )
    assert needed_by_evaluations(config).splits("motion_model") == {
        "motion": [1, 2, 3],
        "split-2": [2],
    }
    results = fake_run(config, tmp_path / "results", LABELS, splits=3)
    write_report(config, results, tmp_path / "r.html")
    html = unescape((tmp_path / "r.html").read_text(encoding="utf-8"))
    values = json.loads((results / "evaluations" / "all" / "metrics.json").read_text())
    for split, value in values["recognition top1"]["splits"].items():
        assert f"split {split}: {100 * value:.1f}" in html
    assert "each split's own" in html
    assert "split 2 †" in html


@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_the_gain_is_in_words_only_if_both_networks_use_the_same_labels(tmp_path, fraction):
    """With a part of the labels the motion model has seen more labels than fine-tuning, so the gain
    is not only that of motion."""
    tuned = {"dataset": "target-1", "fine_tuning": {"crop": 16}, "labelled_part": "part"}
    config = make_config(
        labelled_parts={"part": {"label_fraction": fraction}},
        evaluations={"own": {"model": "rgb", **tuned}, "scratch": {"model": "scratch", **tuned}},
    )
    results = fake_run(config, tmp_path / "results", ["a", "b"])
    write_report(config, results, tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert ("self-trained on motion (own)" in html) == (fraction == 1.0)


def test_pre_trained_weights_are_named(tmp_path):
    tuned = {"dataset": "target-1", "fine_tuning": {"crop": 16}}
    network = {"backbone": "s3d", "weights": "files/s3d-k400.pth"}
    config = make_config()
    models = {
        name: model.model_dump(mode="json") for name, model in config.appearance_models.items()
    }
    models["supervised"] = models["scratch"] | {"network": network}
    models["both"] = models["rgb"] | {"network": network}
    config = make_config(
        appearance_models=models,
        evaluations={name: {"model": name, **tuned} for name in ("scratch", "both", "supervised")},
    )
    results = fake_run(config, tmp_path / "results", LABELS)
    write_report(config, results, tmp_path / "r.html")
    html = unescape((tmp_path / "r.html").read_text(encoding="utf-8"))
    rows = {
        name: html[html.index(f"<th>{name}</th>") :].split("</tr>")[0]
        for name in models
        if name != "rgb"
    }
    assert (
        "RGB network with pre-trained weights<small>supervised, from s3d-k400.pth"
        in rows["supervised"]
    )
    assert "self-trained on motion<small>both, by k-means.9, from s3d-k400.pth" in rows["both"]
    assert "RGB network with random weights<small>scratch<" in rows["scratch"]
    assert "RGB, pre-trained weights</em>" in html  # a headline
    assert "self-training on motion is" not in html  # the two differ by more than self-training
    nodes, _ = artefact_graph(config, needed_by_evaluations(config), {})
    assert nodes["model supervised"].detail == "pre-trained weights"
    assert nodes["model scratch"].detail == "random weights"


def test_many_classes(tmp_path):
    only = {
        "from-scratch": {"model": "scratch", "dataset": "target-1", "fine_tuning": {"crop": 16}}
    }
    config = make_config(evaluations=only)
    results = fake_run(config, tmp_path / "results", [f"class {i}" for i in range(100)])
    write_report(config, results, tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "100 classes, chance of top-1 1.0%" in html


# ------------------------------------------------------------- all kinds of models, and the tables


def every_kind() -> Config:
    """A run with each kind of model and with tables."""
    values = make_config().model_dump(mode="json", exclude_unset=True)
    training = {"crop": 16}
    tuned = {"dataset": "target-1", "fine_tuning": training}
    frames = {"frame_size": [24, 32], "training": training}
    values["motion_models"]["on-rgb"] = {"dataset": "target-1", "flow": None, **frames}
    values["motion_models"]["teacher"] = {
        "dataset": "target-1",
        "flow": "tv-l1.fast",
        "motion_split": 2,
        "training": training,
    }
    values["datasets"]["source-2"] = values["datasets"]["source_2.0"]
    values["pseudo_labels"]["looks"] = {
        "motion_model": "on-rgb",
        "dataset": "source_2.0",
        "clusters": 5,
    }
    values["appearance_models"] |= {
        "rgb-looks": {"pseudo_labels": "looks", **frames},
        "rgb-mers": {
            "pseudo_labels": None,
            "mers": {"motion_model": "motion", "dataset": "source-2"},
            **frames,
        },
    }
    values["evaluations"] |= {
        "generator": {"model": "on-rgb", "dataset": "target-1", "fine_tuning": None},
        "by-looks": {"model": "rgb-looks", **tuned},
        "by-mers": {"model": "rgb-mers", **tuned},
        "by-mars": {
            "model": "scratch",
            "dataset": "target-1",
            "fine_tuning": training | {"mars": {"motion_model": "teacher"}},
        },
        "only-retrieval": {"model": "rgb", **tuned, "measures": ["retrieval"]},
        "only-recognition": {"model": "rgb", **tuned, "measures": ["recognition"]},
    }
    rows = {
        "MERS <1>": {"evaluation": "by-mers", "published": {"top-1": 1.5}, "x": 1, "note": "a|b"},
        "MARS": {"evaluation": "by-mars", "x": 2},
        "quoted": {"published": {"top-1": 45.6}},
    }
    values["tables"] = {
        "table3": {
            "title": "Transfer",
            "columns": {"top-1": "recognition top1"},
            "rows": rows,
            "axis": "place",
            "note": "Smaller & faster.",
        }
    }
    values["figures"] = {"figure_s1": {"title": "Found", "evaluation": "only-retrieval"}}
    return load_config(values)


@pytest.fixture(scope="module")
def run_of_every_kind(tmp_path_factory):
    config = every_kind()
    results = fake_run(config, tmp_path_factory.mktemp("kinds") / "results", LABELS, splits=2)
    write_report(config, results, results / "report.html")
    return config, results, unescape((results / "report.html").read_text(encoding="utf-8"))


def results_of(run) -> dict:
    """The cells of the table of results, by the name of the evaluation and the heading, and those
    of its measures as a list."""
    _, _, html = run
    section = html[html.index('<section id="results"') :].split("</section>")[0]
    _, *headings = re.findall(r'<th rowspan="2">(.*?)</th>', section)
    rows = {}
    for row in re.findall(r"<tr class=.*?</tr>", section, re.DOTALL):
        name, *cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
        rows[name] = dict(zip(headings, cells, strict=False)) | {"measures": cells[len(headings) :]}
    return rows


@pytest.mark.parametrize(
    ("evaluation", "description", "made_of"),
    [
        ("self-trained", "RGB network self-trained on motion", "rgb, by k-means.9"),
        ("by-looks", "RGB network self-trained on appearance", "rgb-looks, by looks"),
        ("by-mers", "RGB network taught by MERS", "rgb-mers, by motion"),
        ("by-mars", "RGB network taught by MARS", "scratch, fine-tuned by teacher"),
        ("from-scratch", "RGB network with random weights", "scratch"),
        ("on.flow", "motion model on flow", "motion"),
        ("generator", "appearance pseudo-label generator on RGB", "on-rgb"),
    ],
)
def test_each_kind_has_its_description(run_of_every_kind, evaluation, description, made_of):
    row = results_of(run_of_every_kind)[evaluation]
    assert row["network"] == f"{description}<small>{made_of}</small>"
    assert row["input"] == ("flow" if evaluation == "on.flow" else "RGB")


def test_the_labels_of_a_mars_teacher_are_counted(run_of_every_kind):
    rows = results_of(run_of_every_kind)
    mars, scratch = rows["by-mars"], rows["from-scratch"]
    assert mars["motion model learned from"] == "split 2 †"
    assert scratch["motion model learned from"] == "—"
    # The teacher knows the labels of split 2: those of the test videos of split 1.
    assert mars["labels used (videos)"] == "100% (20)"
    assert scratch["labels used (videos)"] == "100% (10)"


def test_what_mers_and_mars_need_is_in_the_graph():
    config = every_kind()
    config = config.model_copy(
        update={"evaluations": {n: config.evaluations[n] for n in ("by-mers", "by-mars")}}
    )
    needed = needed_by_evaluations(config)
    assert needed.splits("motion_model") == {"motion": [1], "teacher": [2]}
    assert needed.splits("taught_model") == {"rgb-mers": [1]}
    assert not needed.splits("pseudo_labels")
    assert set(needed.of("flow")) == {("source-2", "tv-l1.fast"), ("target-1", "tv-l1.fast")}
    assert ("source-2", "24x32") in needed.of("frames")
    edges = artefact_graph(config, needed, {})[1]
    for edge in [
        ("model motion", "model rgb-mers"),
        ("flow source-2 tv-l1.fast", "model rgb-mers"),
        ("frames source-2 24x32", "model rgb-mers"),
        ("model teacher", "evaluation by-mars"),
        ("flow target-1 tv-l1.fast", "evaluation by-mars"),
    ]:
        assert edge in edges
    nodes, kept = without_unused(*artefact_graph(config, needed, {}))
    assert "model on-rgb" not in nodes
    assert {key for edge in kept for key in edge} <= nodes.keys()


def test_a_motion_model_on_rgb_has_no_flow():
    config = every_kind()
    config = config.model_copy(update={"evaluations": {"g": config.evaluations["generator"]}})
    assert not needed_by_evaluations(config).of("flow")
    nodes, edges = without_unused(*artefact_graph(config, needed_by_evaluations(config), {}))
    assert ("frames target-1 24x32", "model on-rgb") in edges
    assert not any(node.column == FLOW for node in nodes.values())


def test_a_missing_measure_is_a_dash(run_of_every_kind):
    rows = results_of(run_of_every_kind)
    cells = rows["only-retrieval"]["measures"]
    texts = [re.sub("<.*", "", cell.removeprefix("<b>")) for cell in cells]
    assert texts[:2] == ["—", "—"]
    assert "—" not in texts[2:]
    assert not any("<b>" in cell for cell in cells[:2])
    assert rows["only-retrieval"]["test videos"] == "—"
    cells = rows["only-recognition"]["measures"]
    texts = [re.sub("<.*", "", cell.removeprefix("<b>")) for cell in cells]
    assert "—" not in texts[:2]
    assert set(texts[2:]) == {"—"}


def test_the_tables_have_their_own_section(run_of_every_kind):
    config, results, html = run_of_every_kind
    assert re.findall(r'<section id="([^"]+)"', html) == [
        *SECTIONS[:3],
        "tables",
        *SECTIONS[3:],
    ]
    section = html[html.index('<section id="tables"') : html.index('<section id="classes"')]
    value = json.loads((results / "evaluations/by-mers/metrics.json").read_text())
    value = 100 * value["recognition top1"]["mean"]
    for text in (
        "MERS <1>",
        "a|b",
        "Smaller & faster.",
        ">1.5<",
        f">{value:.1f}<",
        ">45.6<",
        f"({signed(value - 1.5)})",
        "class=quoted",
        "<svg",
        "place",
        'src="data:image/png;base64,',
        "Found",
    ):
        assert text in section, text
    (results / "figures" / "figure_s1.png").rename(results / "kept.png")
    with pytest.raises(MotionFitError, match=r"figure_s1\.png is missing"):
        write_report(config, results, results / "broken.html")
    (results / "kept.png").rename(results / "figures" / "figure_s1.png")


def with_a_rich_table() -> Config:
    """A run whose table has text, sections, descriptions, a gain, two seeds and a leak."""
    values = every_kind().model_dump(mode="json", exclude_unset=True)
    rows = {
        "other": {
            "section": "By <others>",
            "description": "Quoted & old.",
            "text": {"Network": "C3D"},
            "published": {"top-1": 45.6},
        },
        "MERS": {"section": "Own", "text": {"Network": "R(2+1)D"}, "evaluation": "by-mers"},
        "MARS": {"evaluation": "by-mars", "description": "Taught by flow."},
        "gain": {"evaluation": "by-mars", "gain_over": "by-mers", "published": {"top-1": 0.4}},
    }
    columns = {"Network": "text", "top-1": "recognition top1", "Frames": "text"}
    values["tables"] = {"rich": {"title": "Rich", "columns": columns, "rows": rows, "seeds": 2}}
    return load_config(values)


def test_a_table_has_text_sections_descriptions_gains_leaks_and_seeds(tmp_path):
    config, results = with_a_rich_table(), tmp_path / "results"
    # The run makes the copies for the other seed. The report sees the config as it is written.
    fake_run(with_seeds(config), results, LABELS, splits=2)
    write_report(config, results, tmp_path / "r.html")
    html = unescape((tmp_path / "r.html").read_text(encoding="utf-8"))
    section = html[html.index('<section id="tables"') : html.index('<section id="classes"')]
    headings = re.findall(r'<tr class="section fixed"><th colspan="100">(.*?)</th></tr>', section)
    assert headings == ["By <others>", "Own"]
    heads = re.findall(r"<th[^>]*>([^<]+)</th>", section[: section.index("<tbody>")])
    assert heads == ["Network", "top-1", "Frames", "paper", "here"]
    assert re.findall(r'class="description">([^<]+)<', section) == [
        "Quoted & old.",
        "Taught by flow.",
    ]
    for text in ("<td>C3D</td>", "<td>R(2+1)D</td>", ">+0.4<"):
        assert text in section, text
    values = {
        name: 100
        * json.loads((results / f"evaluations/{name}/metrics.json").read_text())[
            "recognition top1"
        ]["mean"]
        for name in ("by-mers", "by-mers.seed1", "by-mars", "by-mars.seed1")
    }
    mean, deviation = (
        function([values["by-mers"], values["by-mers.seed1"]])
        for function in (statistics.mean, statistics.stdev)
    )
    assert f">{mean:.1f} ± {deviation:.1f}<" in section
    gains = [
        values["by-mars"] - values["by-mers"],
        values["by-mars.seed1"] - values["by-mers.seed1"],
    ]
    # The teacher of by-mars has learned from another split.
    assert f">{signed(statistics.mean(gains))} ± {statistics.stdev(gains):.1f}†<" in section
    assert "†: a model may have learned from test videos" in section
    assert ".seed1" not in html


def test_without_recognition_the_report_says_so(tmp_path):
    only = {
        "found": {
            "model": "rgb",
            "dataset": "target-1",
            "measures": ["retrieval"],
            "fine_tuning": {"crop": 16},
        }
    }
    config = make_config(evaluations=only)
    write_report(config, fake_run(config, tmp_path / "results", LABELS), tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "No evaluation measures recognition, so there are no accuracies" in html
    assert "<p>No evaluation measures recognition.</p>" in html
    assert "chance of top-1" not in html
    assert 'class="query"' in html


def test_without_retrieval_the_report_says_so(tmp_path):
    only = {
        "known": {
            "model": "rgb",
            "dataset": "target-1",
            "measures": ["recognition"],
            "fine_tuning": {"crop": 16},
        }
    }
    config = make_config(evaluations=only)
    write_report(config, fake_run(config, tmp_path / "results", LABELS), tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<p>No evaluation measures retrieval.</p>" in html
    assert 'class="query"' not in html


def test_a_run_of_many_evaluations_features_those_of_the_headlines(run_of_every_kind):
    """The run has nine evaluations, one more than `MAX_FEATURED`."""
    config, _, html = run_of_every_kind
    assert len(config.evaluations) > MAX_FEATURED
    section = html[html.index('<section id="confusion"') : html.index('<section id="curves"')]
    assert section.count('aria-label="Confusion matrix of') == 3
    assert "Shown for 3 of the 9 evaluations: " in section
    curves = html[html.index('<section id="curves"') : html.index('<section id="failures"')]
    folded = curves[curves.index("<details>") :]
    assert 'aria-label="Training curves of by-mers"' in folded
    assert 'aria-label="Training curves of by-mers"' not in curves.removesuffix(folded)
    assert curves.count('aria-label="Training curves of') == 6 + 6


def test_a_config_written_without_defaults_loads_as_the_same_config():
    config = every_kind()
    text = config.model_dump_json(exclude={"resources"}, exclude_defaults=True)
    again = load_config(json.loads(text))
    assert again == config
    assert list(again.tables["table3"].rows) == ["MERS <1>", "MARS", "quoted"]


def test_the_report_does_not_import_torch():
    code = "import sys, motionfit.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ----------------------------------------------------------------------------------------- tables


def test_the_best_rgb_value_is_marked_and_flow_is_not(run):
    _, results, _ = run
    rgb = ("self-trained", "from-scratch")
    files = {name: results / "evaluations" / name / "metrics.json" for name in rgb}
    top1 = {n: json.loads(f.read_text())["recognition top1"]["mean"] for n, f in files.items()}
    rows = results_of(run)
    assert "<b>" not in rows["on.flow"]["measures"][0]
    for name in rgb:
        assert ("<b>" in rows[name]["measures"][0]) == (top1[name] == max(top1.values()))


def test_chance_of_retrieval():
    queries, gallery = pd.Series(["a", "b"]), pd.Series(["a", "b", "b", "b"])
    assert chance_recall(queries, gallery, 1, 1) == pytest.approx((1 / 4 + 3 / 4) / 2)
    assert chance_recall(queries, gallery, 4, 1) == 1
    assert chance_recall(queries, gallery, 100, 10) == 1
    # A query whose class is not in the gallery is never a hit.
    assert chance_recall(pd.Series(["c"]), gallery, 4, 1) == 0


def test_costs_are_summed_per_stage(run, tmp_path):
    _, results, html = run
    (cost,) = read_costs(results / "benchmarks").itertuples()
    assert (cost.stage, cost.jobs, cost.longest, cost.memory) == ("flow", 2, 80.5, 1900)
    assert cost.seconds == pytest.approx(121)
    assert "2 min 01 s" in html
    assert "1.9 GB" in html
    fake_benchmark(tmp_path / "benchmarks" / "frames" / "0.tsv", 3.0, "NA")
    fake_benchmark(tmp_path / "benchmarks" / "index" / "a.tsv", "NA", "NA")
    (cost,) = read_costs(tmp_path / "benchmarks").itertuples()
    assert cost.stage == "frames"
    assert np.isnan(cost.memory)


def test_confusion_counts_have_every_class():
    predictions = pd.DataFrame(
        {
            "video": list("xyz"),
            "label": list("aab"),
            "predicted": list("aba"),
            "p(a)": 0.5,
            "p(b)": 0.25,
            "p(c)": 0.25,
        }
    )
    names, counts = confusion_counts(predictions)
    assert names == ["a", "b", "c"]
    np.testing.assert_array_equal(counts, [[1, 1, 0], [1, 0, 0], [0, 0, 0]])


# ---------------------------------------------------------------------------------------- pictures


def field(x: float, y: float) -> np.ndarray:
    return np.broadcast_to(np.array([x, y], np.float32), (8, 10, 2))


def test_arrows_point_along_the_flow_and_leave_out_small_motion():
    assert flow_arrows(field(0.1, 0), 2.0, (80, 100)) == ""
    first = flow_arrows(field(0, -2), 2.0, (80, 100)).split("M")[1]
    (x0, y0), (x1, y1) = (map(float, point.split(",")) for point in first.split("L"))
    assert x0 == x1
    assert y1 < y0


def test_the_scale_is_common_and_never_zero():
    assert common_scale([field(0, 0)]) > 0
    assert common_scale([field(3, 4), field(3, 4)]) == pytest.approx(5)
    assert common_scale([]) > 0


def test_the_wheel_is_a_picture():
    assert colour_wheel().startswith("data:image/jpeg;base64,")


def test_only_needed_shards_are_opened(run):
    _, results, _ = run
    index = pd.read_csv(results / "index" / "target-1.csv", dtype=str)
    index.loc[index["shard"] != index["shard"][1], "shard"] = "missing"
    clips = StoredClips(results / "frames" / "target-1" / "24x32", index, "frames")
    assert clips.spread(index["video"][1], 0, 8, 4).shape == (4, 24, 32, 3)
    with pytest.raises(MotionFitError, match="missing"):
        clips.store(index.loc[index["shard"] == "missing", "video"].iloc[0])


# ----------------------------------------------------------------------------------------- choices


def test_spread_keeps_the_ends():
    assert spread(range(10), 3)[0] == 0
    assert spread(range(10), 3)[-1] == 9
    assert spread([1, 2], 5) == [1, 2]
    assert spread([], 5) == []


def test_clusters_are_chosen_from_the_largest_to_the_smallest_without_empty_ones():
    sizes = [5, 0, 90, 1, 30, 7, 12]
    chosen = choose_clusters(sizes, 3)
    assert chosen[0] == 2
    assert chosen[-1] == 3
    assert len(chosen) == 3
    assert choose_clusters(sizes, 99) == [2, 4, 6, 5, 0, 3]


def test_clips_come_from_different_videos_if_there_are_enough():
    units = pd.DataFrame({"video": list("aaabbc"), "start": range(6), "length": 4, "label": 0})
    assert sorted(spread_over(units, "video", 3)["video"]) == ["a", "b", "c"]
    assert len(spread_over(units, "video", 5)) == 5
    assert len(spread_over(units, "video", 50)) == 6
    assert not spread_over(units, "video", 5).duplicated().any()


# ------------------------------------------------------------------------------------------- graph


def test_boxes_stay_clear_of_each_other():
    config = make_config()
    drawing = draw(*artefact_graph(config, needed_by_evaluations(config), {}))
    columns: dict[int, list] = {}
    for node, _, y in drawing.boxes:
        columns.setdefault(node.column, []).append((y - node.height / 2, y + node.height / 2))
    for boxes in columns.values():
        for (_, bottom), (top, _) in pairwise(sorted(boxes)):
            assert bottom < top
    assert all(bottom < drawing.height for boxes in columns.values() for _, bottom in boxes)


def test_edges_follow_the_references_and_go_right():
    config = make_config()
    nodes, edges = artefact_graph(config, needed_by_evaluations(config), {})
    assert ("labels k-means.9", "model rgb") in edges
    assert ("model rgb", "evaluation self-trained") in edges
    assert all(nodes[a].column < nodes[b].column for a, b in edges)


def test_long_names_are_split_into_lines_without_loss():
    name = "appearance-32-frames.of_everything_thereisnobreakinthispart"
    assert "".join(name_lines(name)) == name
    assert max(map(len, name_lines(name))) <= 16
    node = artefact_graph(make_config(), needed_by_evaluations(make_config()), {})[0]["model rgb"]
    assert node.height == 42


def test_the_layout_is_the_least_squares_solution(monkeypatch):
    """Node positions match the max-min formula of isotonic regression."""

    def max_min(values: list[float]) -> list[float]:
        n = len(values)
        return [
            max(min(np.mean(values[i : j + 1]) for j in range(k, n)) for i in range(k + 1))
            for k in range(n)
        ]

    config = make_config()
    nodes, edges = artefact_graph(config, needed_by_evaluations(config), {})
    laid_out = [y for _, _, y in draw(nodes, edges).boxes]
    monkeypatch.setattr("motionfit.report.drawing.isotonic_regression", max_min)
    assert laid_out == pytest.approx([y for _, _, y in draw(nodes, edges).boxes], abs=1e-9, rel=0)


def test_the_layout_leaves_out_columns_without_nodes():
    config = make_config()
    nodes, edges = artefact_graph(config, needed_by_evaluations(config), {})
    without = {key: node for key, node in nodes.items() if node.column != FLOW}
    kept = [(a, b) for a, b in edges if a in without and b in without]
    assert len(draw(without, kept).boxes) == len(without)


def test_near_duplicates_are_counted_listed_and_shown(run):
    _, _, html = run
    section = html.split('<section id="leaks"')[1].split("</section>")[0]
    for compared in ("its training set", "the source source_2.0"):
        assert f'<td>{compared}</td><td class="n">2</td><td class="n">5</td>' in section
    assert section.count('<td class="n">10</td><td class="n">1</td></tr>') == 2
    assert section.count('<div class="pair">') == 2
    assert section.count("<figure") == 4
    assert section.count('<td class="n">0.88</td><td class="n">-0.2 s</td>') == 2
    assert "from frame 3" in section  # the video starts 0.25 s later, at 12 frames per second


def test_a_run_without_near_duplicates_says_so(tmp_path):
    config = make_config()
    results = fake_run(config, tmp_path / "results", LABELS)
    for file in (results / "duplicates").rglob("*.csv"):
        file.write_text(file.read_text().splitlines()[0] + "\n")
    write_report(config, results, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    section = html.split('<section id="leaks"')[1].split("</section>")[0]
    assert section.count('<td class="n">10</td><td class="n">0</td></tr>') == 2
    assert "<figure" not in section
    assert "<details" not in section
