"""What the sections of classes, failures, the map and advice show."""

import json

import numpy as np
import pandas as pd
import pytest
from fake_run import fake_run
from test_verdicts import make_config, set_accuracy

from motionfit.plots import Point, svg
from motionfit.pseudo_labels.map import POINTS, positions, units_on_map
from motionfit.report import write_report
from motionfit.report.advice import what_to_try
from motionfit.report.background import backgrounds, told
from motionfit.report.classes import class_accuracies
from motionfit.report.failures import SHOWN, failures
from motionfit.report.judgements import judgements
from motionfit.report.run import Run
from motionfit.report.source_map import source_maps
from motionfit.report.verdicts import verdicts


@pytest.fixture
def results(tmp_path):
    results = fake_run(make_config(), tmp_path / "results", ["a", "b"], videos=14, splits=3)
    set_accuracy(results, "own", [True])
    set_accuracy(results, "random", [True, False])
    set_accuracy(results, "worse", [False])
    for name in ("own", "random", "worse"):  # the accuracies as the metrics have them
        path = results / "evaluations" / name / "metrics.json"
        metrics = json.loads(path.read_text())
        top1 = {"own": 1.0, "random": 0.5, "worse": 0.0}[name]
        splits = metrics["recognition top1"]["splits"]
        metrics["recognition top1"]["splits"] = dict.fromkeys(splits, top1)
        path.write_text(json.dumps(metrics))
    return results


def test_classes_are_ordered_by_gain(results):
    """Of `random`, make all predictions of class a right, and all of class b wrong."""
    for file in (results / "evaluations" / "random").rglob("predictions.csv"):
        table = pd.read_csv(file, dtype=str)
        table["predicted"] = "a"
        table.to_csv(file, index=False)
    table = class_accuracies(Run(make_config(), results))
    assert table.index.tolist() == ["b", "a"]
    assert table["first"].tolist() == [1, 1]
    assert table["second"].tolist() == [0, 1]


def test_failures_are_what_the_predictions_say(results):
    set_accuracy(results, "own", [True, False])
    run = Run(make_config(), results)
    found = failures(run)
    assert found.evaluation.name == "own"
    [predictions] = [table for evaluation, table in run.predictions if evaluation.name == "own"]
    wrong = predictions[predictions["label"] != predictions["predicted"]]
    assert (found.wrong, found.videos) == (len(wrong), len(predictions))
    assert {f.clip.video for f in found.shown} <= set(wrong["video"])
    assert len(found.shown) == min(SHOWN, len(wrong))
    for failure in found.shown:
        row = predictions.set_index("video").loc[failure.clip.video]
        assert (failure.clip.label, failure.predicted) == (row["label"], row["predicted"])
        assert failure.probability == pytest.approx(float(row[f"p({failure.predicted})"]))


def test_without_failures_the_number_is_zero(results):
    found = failures(Run(make_config(), results))
    assert (found.wrong, found.shown) == (0, [])


def test_the_map_shows_units_where_the_file_places_them(results):
    [view] = source_maps(Run(make_config(), results))
    table = pd.read_csv(results / "pseudo_labels" / "clusters" / "split1" / "map.csv")
    assert [(p.x, p.y) for p in view.points] == list(zip(table["x"], table["y"], strict=True))
    assert not view.by_class  # the labels of this source are unknown
    assert all(
        f"cluster {label}" in p.text for p, label in zip(view.points, table["label"], strict=True)
    )
    colours = {label: p.colour for p, label in zip(view.points, table["label"], strict=True)}
    assert len(set(colours.values())) == len(colours)


def test_what_to_try_has_the_advice_of_each_step_and_what_comparisons_lack(results):
    set_accuracy(results, "own", [False])
    run = Run(make_config(), results)
    judged = judgements(run)
    sentences = what_to_try(judged, verdicts(run), [])
    for step, judgement in judged:
        assert any(s.startswith(f"{step}: ") for s in sentences) == bool(judgement.advice)
    assert sentences[-1].startswith("own and random: set seeds to 2 or more")


def test_points_of_a_plot_are_fractions_of_its_size():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 2))
    axis = figure.add_axes((0.25, 0.5, 0.5, 0.5))
    axis.set(xlim=(0, 10), ylim=(0, 1))
    text = svg(figure, "a <plot>", [Point(axis, 10, 0, 'up & "down"')])
    assert "a &lt;plot&gt;" in text
    assert 'data-points="[[0.75, 0.5, &quot;up &amp; \\&quot;down\\&quot;&quot;]]"' in text


def test_near_features_are_near_on_the_map():
    random = np.random.default_rng(0)
    centres = random.normal(0, 10, (3, 8)).repeat(20, axis=0)
    placed = positions((centres + random.normal(0, 0.1, (60, 8))).astype(np.float32), seed=0)
    assert placed.min() == 0
    assert placed.max() == pytest.approx(1)
    groups = placed.reshape(3, 20, 2)
    within = np.linalg.norm(groups - groups.mean(axis=1, keepdims=True), axis=-1).max()
    apart = np.linalg.norm(groups.mean(axis=1)[0] - groups.mean(axis=1)[1:], axis=-1).min()
    assert apart > 2 * within


@pytest.mark.parametrize("count", [1, 4, 5, POINTS, 10 * POINTS])
def test_any_number_of_units_has_a_map(count):
    chosen = units_on_map(count)
    assert len(chosen) == min(count, POINTS)
    assert (chosen[0], chosen[-1]) == (0, count - 1)
    if count <= 5:
        placed = positions(np.zeros((count, 3), np.float32), seed=0)
        assert np.isfinite(placed).all()


def with_a_still_network():
    """The config of the tests, in which `worse` sees one still frame."""
    config = make_config()
    still = config.evaluations["worse"].model_copy(update={"clip_length": 1})
    return config.model_copy(update={"evaluations": config.evaluations | {"worse": still}})


def predict_of_class(results, name: str, predicted: dict[str, str]) -> None:
    """Sets the predictions of an evaluation by the label."""
    for file in (results / "evaluations" / name).rglob("predictions.csv"):
        table = pd.read_csv(file, dtype=str)
        table["predicted"] = table["label"].map(predicted)
        table.to_csv(file, index=False)


def test_a_class_that_a_still_frame_tells_is_pointed_out(results):
    predict_of_class(results, "worse", {"a": "a", "b": "a"})  # it only ever guesses a
    predict_of_class(results, "own", {"a": "a", "b": "b"})
    [found] = backgrounds(Run(with_a_still_network(), results))
    assert (found.still.name, found.clips.name) == ("worse", "own")
    assert found.classes == []
    assert found.sentence == ""

    predict_of_class(results, "worse", {"a": "a", "b": "b"})
    [found] = backgrounds(Run(with_a_still_network(), results))
    assert {told.name for told in found.classes} == {"a", "b"}
    assert "class a, b" in found.sentence


def test_recordings_do_not_count_as_independent_videos():
    """A network that answers one class per recording, without looking, is rarely listed: less often
    than in one of 20 classes. With single videos as units, it would be in one of seven."""
    rng, listed, tested = np.random.default_rng(0), 0, 0
    for _ in range(20):
        groups = np.repeat(np.arange(40), 8)
        labels = rng.permutation(np.repeat(list("abcdefghij"), 4))[groups]
        answer = rng.choice(list("abcdefghij"), 40)[groups]
        names = [f"v{i}" for i in range(len(groups))]
        videos = pd.DataFrame({"label": labels, "group": groups.astype(str)}, index=names)
        paired = pd.DataFrame(
            {
                "video": names,
                "predicted_first": answer,
                "right_first": answer == labels,
                "right_second": False,
            }
        )
        classes, recordings = told(paired, videos)
        assert recordings == []  # each has a single class
        listed, tested = listed + len(classes), tested + 10
    assert listed / tested < 0.05


def test_a_recording_with_a_prop_is_told():
    groups = np.repeat(np.arange(6), 10)
    labels = np.tile(list("abcdefghij"), 6)
    answer = np.where(groups == 3, labels, "a")
    names = [f"v{i}" for i in range(60)]
    videos = pd.DataFrame({"label": labels, "group": [f"g{g}" for g in groups]}, index=names)
    paired = pd.DataFrame({"video": names, "predicted_first": answer})
    paired = paired.assign(right_first=answer == labels, right_second=groups != 3)
    _, recordings = told(paired, videos)
    assert [(found.name, found.videos, found.still) for found in recordings] == [("g3", 10, 1.0)]


def test_a_still_network_that_has_not_learned_enough_says_little(results, tmp_path):
    config = with_a_still_network()
    for accuracy, said in ((0.3, True), (0.9, False)):
        for history in (results / "evaluations" / "worse").rglob("history.csv"):
            table = pd.read_csv(history)
            table["train_accuracy"] = accuracy
            table.to_csv(history, index=False)
        write_report(config, results, tmp_path / "r.html")
        html = (tmp_path / "r.html").read_text(encoding="utf-8")
        assert ("worse knows only 30.0% of the frames" in html) == said
    assert not any("worse" in step for step, _ in judgements(Run(config, results)))


def test_a_still_frame_that_is_worse_than_the_clips_is_no_finding(results):
    """It is better than guessing, but the clips are better still."""
    set_accuracy(results, "worse", [True, True, True, True, False])
    [found] = backgrounds(Run(with_a_still_network(), results))
    assert found.classes == []


def test_the_still_network_is_not_the_baseline(results):
    run = Run(with_a_still_network(), results)
    assert [(v.first.name, v.second.name) for v in verdicts(run)] == [("own", "random")]
    assert [e.name for e in run.compared] == ["own", "random"]


def test_without_a_still_network_there_is_no_section(results):
    assert backgrounds(Run(make_config(), results)) == []
