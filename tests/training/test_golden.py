"""The losses of a short fixed training. A commit that changes them must say why.

Except for the last digits, they are the same on all processors:

- The input of the network is made from integers of NumPy's generator, stored as PNG. JPEG, resizing
  and rendering round differently on different processors.
- Weights and arithmetic have 64 bits. The few steps of this training amplify differences by
  100,000, so with 32 bits the rounding of a single weight would be visible.
- There is no dropout, whose random numbers differ between processors.

If a change is meant to change the losses, for example by another order of random numbers, compute
them again with

    python -m tests.training.test_golden

and say in the commit what has changed them.
"""

import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from lightning_fabric import Fabric
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from motionfit.clips.sampling import whole_video
from motionfit.config import Training
from motionfit.models import build_network
from motionfit.store.clips import ClipStore
from motionfit.store.shards import write_shard
from motionfit.training.compute import Compute
from motionfit.training.data import MultiClipDataset
from motionfit.training.loop import train
from motionfit.training.objective import ClipLosses

CLASSES, VIDEOS, FRAMES, SIZE = 3, 10, 8, (24, 28)
RECIPE = Training(
    epochs=4,
    milestones=(1, 3),
    learning_rate=0.003,
    weight_decay=0.02,
    batch_size=4,
    accumulate=2,
    clips_per_video=2,
    crop=20,
)
LOSSES = [
    1.07552874,
    1.18224645,
    0.95203948,
    0.91677719,
    1.14929748,
    1.09024668,
    1.01108468,
    1.20254517,
    0.94587100,
    1.15868425,
    1.06410134,
    0.95100957,
]
TOLERANCE = 1e-6
"""Relative, for losses stored with 32 bits. Each of `CHANGES` changes a loss by 100 times this."""

CHANGES = {
    "momentum": {"momentum": 0.89},
    "weight_decay": {"weight_decay": 0.019},
    "milestones": {"milestones": (1,)},
    "draws": {"seed": 1},
}


def make_store(folder: Path) -> ClipStore:
    """Noise, with a different range of grey levels for each class."""
    rng = np.random.default_rng(0)
    with write_shard(folder / "0000.h5", "frames", {"size": SIZE, "fps": None}) as shard:
        for i in range(VIDEOS):
            low = 60 * (i % CLASSES)
            frames = rng.integers(low, low + 120, (FRAMES, *SIZE, 3), dtype=np.uint8)
            images = [cv2.imencode(".png", frame)[1].tobytes() for frame in frames]
            shard.add(f"v{i}", images, source=f"v{i}", rate=12.0)
    return ClipStore(folder, ["0000"], "frames")


def golden_losses(folder: Path, **changes) -> list[float]:
    """The loss of each step of the training, with `changes` to its recipe."""
    recipe = RECIPE.model_copy(update=changes)
    videos = [whole_video(f"v{i}", FRAMES, i % CLASSES) for i in range(VIDEOS)]
    data = MultiClipDataset(make_store(folder), videos, 4, recipe, training=True)
    fabric = Fabric(accelerator="cpu", devices=1, precision="64-true")
    with fabric.init_module():  # the weights have 64 bits from the start
        network = build_network("r2plus1d_small", "frames", CLASSES, seed=0)
    # `network_input` gives 32 bits.
    network.stem.register_forward_pre_hook(lambda _, inputs: (inputs[0].double(),))
    train(
        ClipLosses(network, "frames", recipe, CLASSES),
        data,
        None,
        recipe,
        json.loads(recipe.to_json()),
        folder,
        Compute(threads=1),
        fabric,
    )
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    return [event.value for event in events.Scalars("step_loss")]


def test_the_losses_of_a_short_training(tmp_path):
    assert golden_losses(tmp_path) == pytest.approx(LOSSES, rel=TOLERANCE)


@pytest.mark.parametrize("change", CHANGES)
def test_the_tolerance_is_finer_than_a_small_change(tmp_path, change):
    assert golden_losses(tmp_path, **CHANGES[change]) != pytest.approx(LOSSES, rel=100 * TOLERANCE)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for loss in golden_losses(Path(folder)):
            print(f"    {loss:.8f},")
