import json
import re
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
from motionfit.report import write_report
from motionfit.report.collect import read_costs
from motionfit.report.exhibits import choose_clusters
from motionfit.report.figures import confusion_counts
from motionfit.report.graph import artefact_graph, box_height, broken, draw, rising
from motionfit.report.lineage import lineage
from motionfit.report.pictures import (
    StoredClips,
    colour_wheel,
    common_scale,
    flow_arrows,
    spread,
    spread_over,
)
from motionfit.report.results_table import chance_recall, results_tables

LABELS = ["a<b & 'c'", "Größe ändern", "walk", "cash $_{$", "passing the ball to somebody"]

SECTIONS = ["results", "graph", "curves", "confusion", "pseudo-labels", "flow", "retrieval",
            "cost", "config"]  # fmt: skip


def make_config(**changes) -> Config:
    """A small run whose names have all that names may have."""
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
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_report_is_one_file_that_needs_no_other(run):
    _, results, html = run
    assert [p.name for p in (results / "report").iterdir()] == ["index.html"]
    without_namespaces = re.sub(r'xmlns(:\w+)?="[^"]*"', "", html)
    assert not re.search(r"https?://|@import|<!DOCTYPE svg", without_namespaces)
    for tag, attributes in Tags(html).found:
        assert tag not in ("script", "link", "iframe", "object")
        for key in ("src", "href", "xlink:href"):
            value = attributes.get(key, "#")
            assert value.startswith(("#", "data:image/")), (tag, value[:80])
    assert set(re.findall(r"url\((.)", html)) <= {"#"}


def test_ids_are_unique_and_references_lead_somewhere(run):
    _, _, html = run
    ids = [attributes["id"] for _, attributes in Tags(html).found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([^)"]+)', html)) <= set(ids)


def test_all_sections_are_there_in_order(run):
    _, _, html = run
    assert re.findall(r'<section id="([^"]+)"', html) == SECTIONS


def test_every_evaluation_is_there_with_its_values_and_chance(run):
    config, results, html = run
    table = html[html.index('<section id="results"') : html.index('<section id="graph"')]
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
    graph = html[html.index('<section id="graph"') : html.index('<section id="curves"')]
    for section in ("datasets", "flow", "motion_models", "pseudo_labels", "appearance_models",
                    "evaluations"):  # fmt: skip
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
    assert "No benchmark files were found" in html
    assert "on.flow" in html


def test_what_no_evaluation_needs_is_not_asked_for(tmp_path):
    only = {"from-scratch": {"model": "scratch", "dataset": "target-1",
                             "fine_tuning": {"crop": 16}}}  # fmt: skip
    config = make_config(evaluations=only)
    needed = lineage(config)
    assert needed.datasets == ["target-1"]
    assert not needed.motion_models
    assert not needed.flow
    write_report(config, fake_run(config, tmp_path / "results", LABELS), tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "This run has no flow." in html
    assert re.search(r'unused" [^>]*><title>k-means\.9,', html)


def test_several_splits_are_all_shown(tmp_path):
    tuned = {"dataset": "target-1", "splits": [1, 2, 3], "fine_tuning": {"crop": 16}}
    own = make_config().motion_models["motion"].model_dump(mode="json")
    config = make_config(
        motion_models={"motion": own, "split-2": own | {"motion_split": 2}},
        evaluations={"all": {"model": "motion", **tuned}, "leaky": {"model": "split-2", **tuned}},
    )
    assert lineage(config).motion_models == {"motion": {1, 2, 3}, "split-2": {2}}
    results = fake_run(config, tmp_path / "results", LABELS, splits=3)
    write_report(config, results, tmp_path / "r.html")
    html = unescape((tmp_path / "r.html").read_text(encoding="utf-8"))
    values = json.loads((results / "evaluations" / "all" / "metrics.json").read_text())
    for split, value in values["recognition top1"]["splits"].items():
        assert f"split {split}: {100 * value:.1f}" in html
    assert "each split's own" in html
    assert "split 2 †" in html


@pytest.mark.parametrize("fraction", [1.0, 0.8])
def test_networks_are_compared_in_words_only_if_the_same_labels_are_behind_them(tmp_path, fraction):
    """With fewer labels the motion model, which has seen all, is ahead by more than motion."""
    tuned = {"dataset": "target-1", "fine_tuning": {"crop": 16}, "label_fraction": fraction}
    config = make_config(
        evaluations={"own": {"model": "rgb", **tuned}, "scratch": {"model": "scratch", **tuned}}
    )
    results = fake_run(config, tmp_path / "results", ["a", "b"])
    write_report(config, results, tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert ("labelled videos, self-training on motion is" in html) == (fraction == 1.0)


def test_many_classes(tmp_path):
    only = {"from-scratch": {"model": "scratch", "dataset": "target-1",
                             "fine_tuning": {"crop": 16}}}  # fmt: skip
    config = make_config(evaluations=only)
    results = fake_run(config, tmp_path / "results", [f"class {i}" for i in range(100)])
    write_report(config, results, tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "100 classes, chance of top-1 1.0%" in html


def test_the_report_does_not_import_torch():
    code = "import sys, motionfit.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ----------------------------------------------------------------------------------------- tables


def test_the_best_rgb_value_is_marked_and_flow_is_not(run):
    from motionfit.report.collect import read_evaluation, read_indices

    config, results, _ = run
    indices = read_indices(results, lineage(config))
    evaluations = [read_evaluation(config, results, name, indices) for name in config.evaluations]
    (table,) = results_tables(config, evaluations, indices)
    top1 = {row.name: row.cells[0] for row in table.rows}
    rgb = [top1["self-trained"], top1["from-scratch"]]
    assert not top1["on.flow"].best
    for cell in rgb:
        assert cell.best == (cell.share == max(other.share for other in rgb))


def test_chance_of_retrieval():
    queries, gallery = pd.Series(["a", "b"]), pd.Series(["a", "b", "b", "b"])
    assert chance_recall(queries, gallery, 1, 1) == pytest.approx((1 / 4 + 3 / 4) / 2)
    assert chance_recall(queries, gallery, 4, 1) == 1
    assert chance_recall(queries, gallery, 100, 10) == 1
    # A query whose class is not in the gallery is never a hit.
    assert chance_recall(pd.Series(["c"]), gallery, 4, 1) == 0


def test_costs_are_summed_a_stage(run, tmp_path):
    _, results, html = run
    (cost,) = read_costs(results)
    assert (cost.stage, cost.jobs, cost.longest, cost.memory) == ("flow", 2, 80.5, 1900)
    assert cost.seconds == pytest.approx(121)
    assert "2 min 01 s" in html
    assert "1.9 GB" in html
    fake_benchmark(tmp_path / "benchmarks" / "frames" / "0.tsv", 3.0, "NA")
    fake_benchmark(tmp_path / "benchmarks" / "index" / "a.tsv", "NA", "NA")
    (cost,) = read_costs(tmp_path)
    assert cost.stage == "frames"
    assert np.isnan(cost.memory)


def test_confusion_counts_have_every_class():
    predictions = pd.DataFrame(
        {"video": list("xyz"), "label": list("aab"), "predicted": list("aba"),
         "p(a)": 0.5, "p(b)": 0.25, "p(c)": 0.25}
    )  # fmt: skip
    names, counts = confusion_counts(predictions)
    assert names == ["a", "b", "c"]
    np.testing.assert_array_equal(counts, [[1, 1, 0], [1, 0, 0], [0, 0, 0]])


# ---------------------------------------------------------------------------------------- pictures


def field(x: float, y: float) -> np.ndarray:
    return np.broadcast_to(np.array([x, y], np.float32), (8, 10, 2))


def test_arrows_point_along_the_flow_and_leave_out_what_hardly_moves():
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


def test_only_the_shards_asked_for_are_opened(run):
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


def test_clips_are_of_different_videos_where_there_are_enough():
    units = pd.DataFrame({"video": list("aaabbc"), "start": range(6), "length": 4, "label": 0})
    assert sorted(spread_over(units, "video", 3)["video"]) == ["a", "b", "c"]
    assert len(spread_over(units, "video", 5)) == 5
    assert len(spread_over(units, "video", 50)) == 6
    assert not spread_over(units, "video", 5).duplicated().any()


# ------------------------------------------------------------------------------------------- graph


def test_boxes_stay_clear_of_each_other():
    config = make_config()
    drawing = draw(*artefact_graph(config, lineage(config), {}))
    columns: dict[int, list] = {}
    for box in drawing.boxes:
        columns.setdefault(box.node.column, []).append(box)
    for boxes in columns.values():
        boxes.sort(key=lambda box: box.y)
        for above, below in pairwise(boxes):
            assert above.y + above.height / 2 < below.y - below.height / 2
    assert all(box.y + box.height / 2 < drawing.height for box in drawing.boxes)


def test_edges_follow_the_references_and_go_right():
    config = make_config()
    nodes, edges = artefact_graph(config, lineage(config), {})
    assert ("labels k-means.9", "model rgb") in edges
    assert ("model rgb", "evaluation self-trained") in edges
    assert all(nodes[a].column < nodes[b].column for a, b in edges)


def test_long_names_are_broken_and_lose_nothing():
    name = "appearance-32-frames.of_everything_thereisnobreakinthispart"
    assert "".join(broken(name)) == name
    assert max(map(len, broken(name))) <= 16
    node = artefact_graph(make_config(), lineage(make_config()), {})[0]["model rgb"]
    assert box_height(node) == 42


def test_rising_is_the_nearest_sequence_without_descents():
    assert rising([1, 2, 3]) == [1, 2, 3]
    assert rising([3, 1, 5]) == [2, 2, 5]
