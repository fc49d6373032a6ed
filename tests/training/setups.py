"""A small training for several tests."""

import json
from pathlib import Path

import numpy as np

from motionfit.clips.sampling import whole_video
from motionfit.config import Training
from motionfit.models import build_network
from motionfit.models.network import VideoNetwork
from motionfit.store.clips import ClipStore
from motionfit.training.checkpoints import Checkpoints
from motionfit.training.compute import Compute
from motionfit.training.data import MultiClipDataset
from motionfit.training.loop import train
from motionfit.training.objective import ClipLosses
from tests.videos import make_flow

ONE = Compute(threads=1)
SHORT = {
    "epochs": 4,
    "milestones": [2],
    "learning_rate": 0.02,
    "batch_size": 4,
    "crop": 24,
    "clips_per_video": 2,
    "flip": False,
    "validation_fraction": 0,
}


def fields(count: int, noise: float = 0.3) -> dict[str, np.ndarray]:
    """Flow that points to the right in even videos and to the left in odd ones."""
    rng = np.random.default_rng(0)
    videos = {}
    for i in range(count):
        field = rng.normal(0, noise, (8, 28, 32, 2)).astype(np.float32)
        field[..., 0] += 3 if i % 2 == 0 else -3
        videos[f"v{i:02d}"] = field
    return videos


def make_store(folder: Path, count: int = 12, noise: float = 0.3) -> Path:
    """Writes a shard with this flow, and returns its folder."""
    make_flow(folder / "0000.h5", fields(count, noise), bound=8)
    return folder


def die_at_epoch(monkeypatch, epoch: int) -> None:
    """A training that reaches an epoch ends there, right after it has saved its checkpoint."""
    save = Checkpoints.save

    def save_and_die(self, state):
        save(self, state)
        if state["epoch"] == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoints, "save", save_and_die)


def run_training(
    folder: Path, flow: Path, compute: Compute = ONE, validation_videos: int = 0, **changes
) -> VideoNetwork:
    """Trains a small network on all videos of a store but the last ones, which are for
    validation."""
    store = ClipStore(flow, ["0000"], "flow")
    recipe = Training(**{**SHORT, **changes})
    names = sorted(store.shards)

    def dataset(chosen: list[str], training: bool) -> MultiClipDataset:
        videos = [whole_video(name, 8, int(name[1:]) % 2) for name in chosen]
        return MultiClipDataset(store, videos, 4, recipe, training, encoded=compute.gpu_decoding)

    training_set = dataset(names[: len(names) - validation_videos], True)
    network = build_network("r2plus1d_small", "flow", 2, recipe.seed)
    train(
        ClipLosses(network, "flow", recipe, 2),
        training_set,
        dataset(names[-validation_videos:], False) if validation_videos else None,
        recipe,
        json.loads(recipe.to_json()),
        folder,
        compute,
    )
    return network
