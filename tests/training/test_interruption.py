"""A training that is killed, asked to stop, or fed records that can't be read."""

import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader

from motionfit.clips.loading import loader_options, worker_failures
from motionfit.errors import InterruptedTrainingError, MotionFitError
from motionfit.training import checkpoints, loop
from motionfit.training.checkpoints import Checkpoints, differences
from motionfit.training.objective import ClipLosses
from motionfit.training.progress import ProgressLogger
from tests.training.deadly import Deadly
from tests.training.setups import ONE, make_store, run_training

EVERY_STEP = replace(ONE, checkpoint_minutes=0)
VALUES = ["epoch", "learning_rate", "train_loss", "train_accuracy", "skipped"]


@pytest.fixture
def flow(tmp_path):
    return make_store(tmp_path / "flow")


def same_weights(one, other) -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_a_real_process_that_is_killed_at_random_moments_ends_with_the_same_weights(tmp_path, flow):
    signals = [signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1, signal.SIGKILL]
    numbers = [str(int(number)) for number in signals]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.killed", str(tmp_path), *numbers],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ended by") == len(signals)
    whole, killed = (torch.load(tmp_path / name / "weights.pt") for name in ("whole", "killed"))
    assert same_weights(whole, killed)
    histories = [pd.read_csv(tmp_path / name / "history.csv") for name in ("whole", "killed")]
    values = [*VALUES, "validation_loss", "validation_accuracy", "train_order_accuracy"]
    pd.testing.assert_frame_equal(*(history[values] for history in histories))


@pytest.mark.parametrize(("asked", "kept"), [(4, "1 of epoch 2"), (6, "0 of epoch 3")])
def test_a_training_that_is_asked_to_stop_keeps_the_step_it_is_at(
    tmp_path, flow, monkeypatch, asked, kept
):
    whole = run_training(tmp_path / "whole", flow).state_dict()
    shown = ProgressLogger.log_step

    def asks(self, step, total_steps, *rest):
        shown(self, step, total_steps, *rest)
        if total_steps == asked:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(ProgressLogger, "log_step", asks)
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(MotionFitError, match=f"SIGTERM.* saved step {kept}: run it again"):
        run_training(tmp_path / "stopped", flow)
    assert signal.getsignal(signal.SIGTERM) == handler
    monkeypatch.undo()
    resumed = run_training(tmp_path / "stopped", flow)
    assert same_weights(whole, resumed.state_dict())
    histories = [pd.read_csv(tmp_path / name / "history.csv") for name in ("whole", "stopped")]
    pd.testing.assert_frame_equal(*(history[VALUES] for history in histories))


def test_ctrl_c_is_told_from_other_signals(tmp_path, flow, monkeypatch):
    shown = ProgressLogger.log_step

    def asks(self, *arguments):
        shown(self, *arguments)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ProgressLogger, "log_step", asks)
    with pytest.raises(InterruptedTrainingError, match=r"SIGINT.* saved step 1 of epoch 1"):
        run_training(tmp_path / "stopped", flow)


def test_a_signal_during_validation_keeps_the_epoch(tmp_path, flow, monkeypatch):
    whole = run_training(tmp_path / "whole", flow, validation_videos=4).state_dict()
    evaluate = ClipLosses.eval
    asked = []

    def asks(self):
        if not asked:
            asked.append(True)
            os.kill(os.getpid(), signal.SIGUSR1)
        return evaluate(self)

    monkeypatch.setattr(ClipLosses, "eval", asks)
    with pytest.raises(MotionFitError, match=r"SIGUSR1.* saved step 2 of epoch 1"):
        run_training(tmp_path / "stopped", flow, validation_videos=4)
    monkeypatch.undo()
    resumed = run_training(tmp_path / "stopped", flow, validation_videos=4)
    assert same_weights(whole, resumed.state_dict())


def test_a_checkpoint_that_the_system_can_not_read_is_no_reason_to_begin_anew(
    tmp_path, flow, monkeypatch
):
    run_training(tmp_path / "out", flow)

    def fails(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(checkpoints.torch, "load", fails)
    with pytest.raises(OSError, match="Input/output error"):
        run_training(tmp_path / "out", flow)
    assert len(list((tmp_path / "out" / "checkpoints").glob("*/*.pt"))) == 2


def test_a_full_disk_is_told_and_the_checkpoint_before_is_kept(tmp_path, flow, monkeypatch):
    saved = torch.save

    def full(state, path):
        if state["epoch"] == 3:
            raise RuntimeError("[enforce fail at inline_container.cc] unexpected pos 64 vs 0")
        saved(state, path)

    monkeypatch.setattr(checkpoints.torch, "save", full)
    with pytest.raises(MotionFitError, match=r"epoch_0003.* can't be written .*: free some space"):
        run_training(tmp_path / "out", flow)
    monkeypatch.undo()
    whole = run_training(tmp_path / "whole", flow).state_dict()
    assert same_weights(whole, run_training(tmp_path / "out", flow).state_dict())


def test_short_epochs_do_not_wait_for_slow_checkpoints(tmp_path, flow, monkeypatch):
    saved, epochs = torch.save, []

    def slow(state, path):
        epochs.append(state["epoch"])
        time.sleep(0.3)  # longer than the epochs
        saved(state, path)

    monkeypatch.setattr(checkpoints.torch, "save", slow)
    monkeypatch.setattr(loop, "QUICK", 0.2)
    monkeypatch.setattr(loop, "SMALL_PART", 1e-9)
    slowly = run_training(tmp_path / "slow", flow, epochs=4)
    assert epochs == [2, 5]  # after the first epoch, and after the last one
    monkeypatch.undo()
    assert same_weights(
        slowly.state_dict(), run_training(tmp_path / "out", flow, epochs=4).state_dict()
    )


def test_the_checkpoints_of_another_training_are_kept_and_their_difference_named(tmp_path, caplog):
    here = {"recipe": {"learning_rate": 0.1, "epochs": 3}, "clips": {"bytes": {"0000.h5": 1}}}
    there = {"recipe": {"learning_rate": 0.2, "epochs": 3}, "clips": {"bytes": {"0000.h5": 2}}}
    state = {"epoch": 2, "step": 5, "weights": torch.ones(3)}
    Checkpoints(tmp_path, there).save(state)
    with caplog.at_level(logging.WARNING):
        assert Checkpoints(tmp_path, here).latest() is None
    assert "recipe.learning_rate (0.1 here, 0.2 there)" in caplog.text
    assert "clips.bytes.0000.h5 (1 here, 2 there)" in caplog.text
    assert "epochs" not in caplog.text
    assert Checkpoints(tmp_path, there).latest()["step"] == 5


def test_long_values_that_differ_are_named_alone():
    assert differences({"code": "a" * 64, "x": 1}, {"code": "b" * 64, "x": 1}) == "code"
    many = differences({str(i): i for i in range(9)}, {})
    assert many.endswith("and 4 more")


def spoil(flow: Path, video: int) -> None:
    """Overwrites the stored frames of a video."""
    with h5py.File(flow / "0000.h5", "r+") as file:
        data = file[f"data/{video:06d}"]
        data[:] = 0


def test_a_record_that_can_not_be_read_is_passed_over_and_counted(tmp_path, caplog):
    flow = make_store(tmp_path / "flow", 24)
    spoil(flow, 5)
    with caplog.at_level(logging.WARNING):
        run_training(tmp_path / "out", flow, epochs=2)
    history = pd.read_csv(tmp_path / "out" / "history.csv")
    assert history["skipped"].tolist() == [1, 1]
    told = [r.getMessage() for r in caplog.records if "v05 is skipped" in r.getMessage()]
    assert len(told) == 2  # once an epoch
    assert f"{flow / '0000.h5'} is damaged (the checksum of frame" in told[0]
    assert "delete it and run again" in told[0]
    assert "skipped 2 times" in caplog.messages[-1]
    assert str(tmp_path / "out") in caplog.messages[-1]


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("place", [0, 7])
def test_a_batch_or_part_of_which_nothing_can_be_read_is_none(tmp_path, place, accumulate):
    """Even if it is the first of an epoch."""
    flow = make_store(tmp_path / "flow", 24)
    order = torch.randperm(24, generator=torch.Generator().manual_seed(1))
    spoil(flow, int(order[place]))
    size = {"batch_size": accumulate, "accumulate": accumulate}
    network = run_training(tmp_path / "out", flow, epochs=1, **size)
    assert pd.read_csv(tmp_path / "out" / "history.csv")["skipped"].tolist() == [1]
    assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())


def test_what_can_not_be_read_in_validation_is_counted_too(tmp_path):
    flow = make_store(tmp_path / "flow", 24)
    spoil(flow, 23)
    run_training(tmp_path / "out", flow, epochs=1, validation_videos=4)
    assert pd.read_csv(tmp_path / "out" / "history.csv")["skipped"].tolist() == [1]


def test_a_date_will_do_as_a_seed(tmp_path, flow):
    run_training(tmp_path / "out", flow, epochs=1, seed=20261123)


def test_too_many_records_that_can_not_be_read_end_the_training(tmp_path, flow):
    spoil(flow, 5)
    with pytest.raises(MotionFitError, match="1 of the 12 videos can't be read"):
        run_training(tmp_path / "out", flow)


@pytest.mark.parametrize(
    "rate", [pytest.param(0.02, id="well", marks=pytest.mark.long), pytest.param(1e25, id="badly")]
)
def test_a_training_with_readers_ends(tmp_path, flow, rate):
    """And so do its workers, whether it succeeds or fails."""
    code = (
        "import sys; from pathlib import Path; from motionfit.training.compute import Compute\n"
        "from tests.training.setups import run_training\n"
        "if __name__ == '__main__':\n"
        "    where, flow = map(Path, sys.argv[1:3])\n"
        "    rate = float(sys.argv[3])\n"
        "    one = Compute(threads=1, workers=1)\n"
        "    run_training(where, flow, one, validation_videos=2, learning_rate=rate)"
    )
    (tmp_path / "run.py").write_text(code)
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, tmp_path / "run.py", tmp_path / "out", flow, str(rate)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)},
    )
    assert done.returncode == (rate > 1), done.stderr
    assert ("lower training.learning_rate" in done.stderr) == (rate > 1)
    if rate < 1:  # readers change nothing
        run_training(tmp_path / "alone", flow, validation_videos=2)
        histories = [pd.read_csv(tmp_path / name / "history.csv") for name in ("out", "alone")]
        pd.testing.assert_frame_equal(*(history[VALUES] for history in histories))


def test_a_reader_that_dies_is_told():
    with (
        pytest.raises(MotionFitError, match="a process that reads clips has died"),
        worker_failures(),
    ):
        next(iter(DataLoader(Deadly(), **loader_options(1))))
