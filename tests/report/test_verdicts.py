"""The sentences on whether one evaluation beats another, and on what each step learned."""

from html import unescape

import pandas as pd
import pytest
from fake_run import fake_run

from motionfit.config import Config, load_config
from motionfit.report import write_report
from motionfit.report.judgements import judgements
from motionfit.report.run import Run
from motionfit.report.verdicts import verdicts

TUNED = {"dataset": "target", "fine_tuning": {"crop": 16}, "splits": [1, 2, 3]}


def make_config(**changes) -> Config:
    values = {
        "datasets": {
            "target": {"format": "ucf101", "videos": "/videos", "annotations": "/lists"},
            "source": {"format": "folders", "videos": "/videos", "labelled": False},
        },
        "flow": {"tvl1": {"size": [24, 32]}},
        "motion_models": {
            "motion": {"dataset": "target", "flow": "tvl1", "training": {"crop": 16}}
        },
        "pseudo_labels": {
            "clusters": {"motion_model": "motion", "dataset": "source", "clusters": 9}
        },
        "appearance_models": {
            name: {
                "pseudo_labels": labels,
                "frame_size": [24, 32],
                "training": {"crop": 16},
            }
            for name, labels in (("rgb", "clusters"), ("scratch", None), ("other", None))
        },
        "evaluations": {
            "own": {"model": "rgb", **TUNED},
            "random": {"model": "scratch", **TUNED},
            "worse": {"model": "other", **TUNED},
        },
    }
    return load_config(values | changes)


def set_accuracy(results, name: str, right: list[bool]) -> None:
    """Makes the predictions of an evaluation right in all splits where `right` is, in turn."""
    for file in (results / "evaluations" / name).rglob("predictions.csv"):
        table = pd.read_csv(file, dtype=str)
        for i in range(len(table)):
            wrong = "b" if table.loc[i, "label"] == "a" else "a"
            table.loc[i, "predicted"] = table.loc[i, "label"] if right[i % len(right)] else wrong
        table.to_csv(file, index=False)


@pytest.fixture
def results(tmp_path):
    return fake_run(make_config(), tmp_path / "results", ["a", "b"], videos=14, splits=3)


def sentences(config, results):
    return [verdict.sentence for verdict in verdicts(Run(config, results))]


def test_one_seed_gives_no_verdict(results):
    set_accuracy(results, "own", [True])
    set_accuracy(results, "random", [False])
    set_accuracy(results, "worse", [False])
    [sentence] = sentences(make_config(), results)
    assert "It is too early to say which is better: the 95% interval" in sentence
    assert "leaves out how much another training would differ. Set seeds to 2 or more" in sentence


@pytest.fixture
def two_seeds(tmp_path):
    config = make_config(seeds=2)
    return fake_run(config, tmp_path / "two", ["a", "b"], videos=14, splits=3)


def set_both(results, name: str, right: list[bool]) -> None:
    for seed in ("", ".seed1"):
        set_accuracy(results, name + seed, right)


def test_a_clear_gain_is_told_with_its_interval_and_what_it_rests_on(two_seeds):
    results = two_seeds
    set_both(results, "own", [True])
    set_both(results, "random", [True, False])
    set_both(results, "worse", [False])
    [sentence] = sentences(make_config(seeds=2), results)
    assert sentence.startswith(
        "On target, the RGB network self-trained on motion (own) beats the RGB network with random "
        "weights ("
    )
    assert "95% interval from +" in sentence
    assert "groups, 3 splits, 2 seeds" in sentence
    assert "learned nothing" not in sentence  # half of the answers are right, but of few videos


def test_a_difference_that_chance_explains_is_never_called_a_gain(two_seeds):
    results = two_seeds
    set_both(results, "own", [True, False, False])
    set_both(results, "random", [False, True, False])
    set_both(results, "worse", [False])
    [sentence] = sentences(make_config(seeds=2), results)
    assert "That may be chance: the 95% interval" in sentence
    assert "includes zero" in sentence
    assert "beats" not in sentence


def test_equal_accuracies_are_called_the_same(two_seeds):
    results = two_seeds
    set_both(results, "own", [True])
    set_both(results, "random", [True])
    set_both(results, "worse", [False])
    [sentence] = sentences(make_config(seeds=2), results)
    assert "(own) is the same as that of the RGB network" in sentence
    assert "Either may be better: the 95% interval" in sentence


def test_few_groups_give_no_interval(tmp_path):
    results = fake_run(make_config(), tmp_path / "results", ["a", "b"], videos=2, splits=3)
    set_accuracy(results, "own", [True])
    set_accuracy(results, "random", [False])
    set_accuracy(results, "worse", [False])
    [sentence] = sentences(make_config(), results)
    assert "an interval needs 6 or more" in sentence
    assert "beats" not in sentence


def test_any_two_evaluations_can_be_compared(two_seeds):
    results = two_seeds
    set_both(results, "worse", [False])
    set_both(results, "random", [True])
    config = make_config(comparisons=[["worse", "random"]], seeds=2)
    assert (
        "(worse) is worse than the RGB network with random weights (random)"
        in (sentences(config, results)[-1])
    )


def test_seeds_are_compared_and_averaged(tmp_path):
    config = make_config(seeds=2)
    results = fake_run(config, tmp_path / "results", ["a", "b"], videos=14, splits=3)
    for name in ("own", "own.seed1"):
        set_accuracy(results, name, [True])
    for name in ("random", "random.seed1", "worse", "worse.seed1"):
        set_accuracy(results, name, [True, False, False])
    run = Run(config, results)
    assert verdicts(run)[0].comparison.seeds == 2
    assert verdicts(run)[0].comparison.verdict == 1
    values = [
        pd.read_json(
            results / "evaluations" / name / f"split{split}" / "recognition.json", typ="series"
        )["top1"]
        for name in ("own", "own.seed1")
        for split in (1, 2, 3)
    ]
    [own] = [evaluation for evaluation in run.evaluations if evaluation.name == "own"]
    assert own.mean("recognition top1") == pytest.approx(pd.Series(values).mean())
    assert own.spread("recognition top1") == pytest.approx(pd.Series(values).std())
    write_report(config, results, tmp_path / "r.html")
    html = unescape((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert f"± {100 * own.spread('recognition top1'):.1f}" in html
    assert verdicts(run)[0].sentence in html


def test_each_step_is_judged(results, tmp_path):
    set_accuracy(results, "own", [False])
    run = Run(make_config(), results)
    found = dict(judgements(run))
    motion = found["motion model motion, split 2"].text
    assert motion.startswith("The motion model motion is right")
    random = next(e for e in run.evaluations if e.kind == "random").mean("recognition top1")
    assert f"an RGB network of the same size (random) is right on {random:.1%}." in motion
    assert "of the 9 clusters of clusters" in found["pseudo-labels clusters, split 1"].text
    assert "predicts" in found["appearance model rgb, split 1"].text
    assert found["fine-tuning own, split 1"].hopeless
    assert found["fine-tuning own, split 1"].text.endswith(
        "Of its 3 trainings, 3 learned nothing: split 1, split 2, split 3."
    )
    [verdict] = verdicts(run)
    assert "3 of the 3 trainings of own learned nothing." in verdict.sentence
    write_report(make_config(), results, tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    section = html.split('<section id="learned">')[1].split("</section>")[0]
    assert section.count("<b>Nothing learned.</b>") == sum(j.hopeless for j in found.values())
