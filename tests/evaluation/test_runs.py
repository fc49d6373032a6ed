"""Two runs, side by side."""

import json

import numpy as np
import pandas as pd
import pytest

from motionfit.cli import app
from motionfit.datasets.index import write_index
from motionfit.errors import MotionFitError
from motionfit.evaluation.runs import compare_runs, results_of
from tests.videos import make_index

VIDEOS = [f"v{i:02d}" for i in range(40)]


def make_run(folder, right: float, seeds=4, groups=20, names=("own",)):
    """A run of one split that is right on the first part of the videos."""
    index = make_index(dict.fromkeys(VIDEOS, "a"), test=set(VIDEOS))
    index["group"] = [f"g{i % groups}" for i in range(len(VIDEOS))]
    write_index(index, folder / "results" / "index" / "d.csv")
    predicted = np.where(np.arange(len(VIDEOS)) < right * len(VIDEOS), "a", "b")
    for name in names:
        for seed in range(seeds):
            copy = f"{name}.seed{seed}" if seed else name
            split = folder / "results" / "evaluations" / copy / "split1"
            split.mkdir(parents=True)
            table = pd.DataFrame({"video": VIDEOS, "label": "a", "predicted": predicted})
            table.to_csv(split / "predictions.csv", index=False)
            values = {"splits": {"1": right}, "mean": right}
            metrics = {"recognition top1": values, "recognition videos": values}
            (split.parent / "metrics.json").write_text(json.dumps(metrics))
    return folder


def test_a_better_run_is_better(tmp_path):
    [found] = compare_runs(make_run(tmp_path / "a", 0.2), make_run(tmp_path / "b", 0.8))
    assert (found.evaluation, found.measure, found.values) == (
        "own",
        "recognition top1",
        (0.2, 0.8),
    )
    assert found.comparison.difference == pytest.approx(0.6)
    assert found.comparison.verdict == 1
    assert found.difference_text.startswith("+60.0 (+")
    assert found.difference_text.endswith(": better)")


def test_one_seed_gives_no_verdict(tmp_path):
    runs = make_run(tmp_path / "a", 0.2, seeds=1), make_run(tmp_path / "b", 0.8, seeds=1)
    [found] = compare_runs(*runs)
    assert found.difference_text.endswith(": not known which is better)")


def test_an_evaluation_that_only_one_run_has_is_shown(tmp_path):
    runs = make_run(tmp_path / "a", 0.2), make_run(tmp_path / "b", 0.8, names=("own", "new"))
    new, own = compare_runs(*runs)
    assert (new.evaluation, new.texts, new.difference_text) == ("new", ("-", "80.0"), "-")
    assert own.values == (0.2, 0.8)


def test_the_command_prints_and_writes_the_comparison(tmp_path, capsys):
    make_run(tmp_path / "a", 0.2)
    make_run(tmp_path / "b", 0.8)
    output = tmp_path / "out.csv"
    command = ["compare", str(tmp_path / "a"), str(tmp_path / "b" / "results")]
    app([*command, "--output", str(output)], result_action="return_value")
    assert "own" in capsys.readouterr().out
    [row] = pd.read_csv(output).to_dict("records")
    assert (row["evaluation"], row["first"], row["second"]) == ("own", 0.2, 0.8)
    assert row["low"] > 0


def test_the_results_of_a_run_are_printed(tmp_path, capsys):
    make_run(tmp_path, 0.2, names=("own", "other"))
    app(["results", str(tmp_path)], result_action="return_value")
    printed = capsys.readouterr().out
    for word in ("own", "other", "top-1", "20.0"):
        assert word in printed


def test_the_results_have_their_spread(tmp_path, capsys):
    metrics = make_run(tmp_path, 0.2, seeds=2) / "results" / "evaluations" / "own" / "metrics.json"
    values = {"splits": {"1": 0.4}, "mean": 0.4}
    metrics.write_text(json.dumps({"recognition top1": values}))
    app(["results", str(tmp_path)], result_action="return_value")
    assert "30.0 ± 14.1" in capsys.readouterr().out


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(MotionFitError, match="has no finished evaluation"):
        compare_runs(tmp_path, tmp_path)


def test_results_say_what_is_not_finished(tmp_path, capsys):
    run = make_run(tmp_path / "run", 0.5, seeds=2)
    (run / "results" / "report").mkdir()
    (run / "results" / "report" / "index.html").touch()
    app(["results", str(run)], result_action="return_value")
    assert "finished" not in capsys.readouterr().out
    (run / "results" / "evaluations" / "own" / "metrics.json").unlink()
    (run / "results" / "report" / "index.html").unlink()
    app(["results", str(run)], result_action="return_value")
    printed = capsys.readouterr().out
    assert "not finished, so not in the table: own" in printed
    assert "This run has not finished" in printed


def test_a_run_without_results_is_told_from_a_wrong_path(tmp_path):
    run = make_run(tmp_path / "run", 0.5, seeds=1)
    (run / "results" / "evaluations" / "own" / "metrics.json").unlink()
    for folder, message in (
        (run, "has finished yet"),
        (tmp_path / "missing", "there is no folder"),
        (tmp_path, "give the folder of a run"),
    ):
        with pytest.raises(MotionFitError, match=message):
            results_of(folder)
