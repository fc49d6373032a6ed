"""The first losses of a fixed training: a change that alters them has to say why."""

import json

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from motionfit.config import Demo, Training
from motionfit.datasets.demo import MOTIONS, render_video
from motionfit.models import build_network
from motionfit.store.clips import ClipStore
from motionfit.training.compute import Compute
from motionfit.training.data import MultiClips, whole_video
from motionfit.training.loop import train
from motionfit.training.objective import ClipLosses
from tests.videos import make_frames

LOSSES = [
    2.0563,
    2.1663,
    2.2216,
    2.5011,
    2.2462,
    2.1092,
    2.1263,
    2.1680,
    2.0418,
    2.2577,
    1.9186,
    1.9763,
    2.2310,
    2.1509,
    2.1201,
    1.9488,
    2.2102,
    2.0933,
    1.8513,
    2.0032,
]


def test_the_first_losses_of_a_demo_training(tmp_path):
    look = Demo(format="demo", frames=12, height=32, width=40)
    rendered = {(motion, i): render_video(look, motion, f"{motion}{i}")
                for motion in MOTIONS for i in range(5)}  # fmt: skip
    make_frames(tmp_path / "0000.h5", {f"{m}{i}": video for (m, i), video in rendered.items()})
    store = ClipStore(tmp_path, ["0000"], "frames")
    videos = [whole_video(f"{m}{i}", 12, MOTIONS.index(m)) for m, i in rendered]
    recipe = Training(epochs=4, milestones=(2,), learning_rate=0.02, batch_size=8, crop=28)
    data = MultiClips(store, videos, 8, 3, 28, True, 0, training=True)
    network = build_network("r2plus1d_small", "frames", len(MOTIONS), seed=0)
    objective = ClipLosses(network, "frames", recipe, len(MOTIONS))
    identity = json.loads(recipe.to_json())
    train(objective, data, None, recipe, identity, tmp_path / "out", Compute(threads=1))
    events = EventAccumulator(str(tmp_path / "out" / "tensorboard")).Reload()
    losses = [event.value for event in events.Scalars("step_loss")]
    assert losses == pytest.approx(LOSSES, rel=1e-3)
