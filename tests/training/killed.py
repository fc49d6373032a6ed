"""Starts a training again and again, and kills it at random moments, until it finishes.

Arguments: a folder with the store `flow`, and the numbers of the signals to send in this order.
"""

import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from motionfit.errors import MotionFitError
from tests.training.setups import ONE, run_training

# With a checkpoint after every step, dropout (so that random numbers matter), batches in parts, and
# validation.
OPTIONS = {
    "compute": replace(ONE, checkpoint_minutes=0),
    "validation_videos": 2,
    "multi_clip_weight": 0.5,
    "clip_gap": 0,
    "accumulate": 2,
}


def start_training(folder: Path) -> tuple[int, float]:
    """Starts a training. Returns the id of its process, and the time of its start."""
    process = os.fork()
    if process == 0:
        try:
            network = run_training(folder, folder.parent / "flow", **OPTIONS)
            torch.save(network.state_dict(), folder / "weights.pt")
        except MotionFitError as error:
            print(error, flush=True)
            os._exit(1)
        os._exit(0)
    return process, time.monotonic()


def written(folder: Path) -> set[Path]:
    return set((folder / "checkpoints").glob("*/*.pt"))


def main(folder: Path, signals: list[int]) -> None:
    process, begun = start_training(folder / "whole")
    assert os.waitpid(process, 0)[1] == 0
    longest = time.monotonic() - begun
    for number in signals:
        before = written(folder / "killed")
        process, _ = start_training(folder / "killed")
        if number != signal.SIGKILL:  # a signal that comes before the training listens just ends it
            while written(folder / "killed") == before:
                time.sleep(0.01)
            time.sleep(random.uniform(0, 0.05) * longest)
        else:
            time.sleep(random.uniform(0.05, 0.25) * longest)
        os.kill(process, number)
        status = os.waitpid(process, 0)[1]
        print("ended by", number, "status", status, flush=True)
        assert os.WIFSIGNALED(status) == (number == signal.SIGKILL)
        assert status != 0
    process, _ = start_training(folder / "killed")
    assert os.waitpid(process, 0)[1] == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), list(map(int, sys.argv[2:])))
