"""Measures how much of slow motion reaches a network on flow.

    python benchmarks/small_motion.py [--bound 20] [--backbones r2plus1d_18 ...]

In the videos, a textured patch moves at a constant speed over a still, textured background. They go
through the pipeline's own stages: frames, flow, shards, clips. The first table shows the speed in
the patch and beside it, in pixels per frame, as computed and as stored. The second table shows the
fraction of the signal's scale that the first batch normalisation keeps, std / sqrt(var + eps), with
the statistics of a batch (training) and with the converged running statistics (evaluation).
"""

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from motionfit.clips.transforms import centre_crop, network_input
from motionfit.config import BACKBONES, Flow
from motionfit.flow import compute_flow
from motionfit.flow.encoding import dequantise
from motionfit.flow.shards import store_flow
from motionfit.models import build_network
from motionfit.models.backbones import first_norm, new_network
from motionfit.models.network import VideoNetwork
from motionfit.store.clips import ClipStore
from motionfit.store.images import decode_grey, encode_jpeg
from motionfit.store.shards import Shards, write_shard

SIZE = (128, 171)
CROP = 112
PATCH = 56
"""Side of the patch, in pixels."""
INNER = 8
"""Width of the patch's border, in pixels, in which speed is not measured, since flow is smoothed
across it."""
FRAMES = 6
SPEEDS = (0.05, 0.1, 0.2, 0.5, 1.0, 3.0, 10.0)
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1))
SETTLED = 300
"""Batches after which the running variance no longer depends on its initial value of 1."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--bound", type=float, default=20, help="bound of flow, in pixels (default: 20)"
    )
    parser.add_argument("--method", default="tvl1", help="method of the flow (default: tvl1)")
    parser.add_argument(
        "--backbones", nargs="+", default=["r2plus1d_18", "r2plus1d_small"], choices=list(BACKBONES)
    )
    args = parser.parse_args()
    stored = Table(
        title=f"speed in pixels per frame, bound {args.bound:g}, JPEG 95", title_justify="left"
    )
    for head in ("true", "computed", "stored", "beside: computed", "stored", "input"):
        stored.add_column(head, justify="right")
    kept = Table(
        title="share of the scale that the first batch norm keeps, training / evaluation",
        title_justify="left",
    )
    networks = {
        f"{name}, eps {first_norm(network).eps:g}": network
        for name in args.backbones
        for network in (new_network(name, "flow", 2), build_network(name, "flow", 2, seed=0))
    }
    for head in ("speed", *networks):
        kept.add_column(head, justify="right")
    for speed in SPEEDS:
        with tempfile.TemporaryDirectory() as folder:
            row, clips = through_the_stages(speed, args.bound, args.method, Path(folder))
        stored.add_row(f"{speed:g}", *row)
        shares = [share_left(network, clips) for network in networks.values()]
        kept.add_row(f"{speed:g}", *(f"{a:.3f} / {b:.3f}" for a, b in shares))
    console = Console(width=110)
    console.print(stored)
    console.print(kept)


def through_the_stages(
    speed: float, bound: float, method: str, folder: Path
) -> tuple[list[str], Tensor]:
    """Returns a row of the first table, and a batch of clips as the input of a network."""
    videos = [moving_patch(speed, direction, seed) for seed, direction in enumerate(DIRECTIONS)]
    frames, shard = folder / "frames.h5", folder / "flow.h5"
    with write_shard(frames, "frames", {"size": list(SIZE), "fps": None}) as new:
        for i, (video, _) in enumerate(videos):
            new.add(str(i), [encode_jpeg(frame, 95) for frame in video], source="drawn", rate=25.0)
    store_flow(frames, Flow(size=SIZE, bound=bound, method=method), 2, shard)
    store = ClipStore(folder, ["flow"], "flow")
    speeds, clips = [], []
    for i, (direction, (_, patches)) in enumerate(zip(DIRECTIONS, videos, strict=True)):
        grey = [decode_grey(data) for data in Shards([frames], "frames").read(str(i), 0, FRAMES)]
        computed = compute_flow(np.stack(grey), method, threads=2)
        clip = store.read(str(i), 0, FRAMES)
        along = [
            field[: FRAMES - 1] @ np.array(direction, np.float32)
            for field in (computed, dequantise(clip, bound))
        ]
        speeds.append([v[mask].mean() for mask in in_and_beside(patches) for v in along])
        clips.append(centre_crop(clip, CROP))
    x = network_input(torch.from_numpy(np.stack(clips)), "flow")
    row = [f"{v:.3f}" for v in np.mean(speeds, axis=0)]
    return [*row, f"{np.mean(speeds, axis=0)[1] * 127 / bound / 128:.4f}"], x


def moving_patch(
    speed: float, direction: tuple[int, int], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """A video (T, H, W, 3) uint8, and the left and top edge of the patch in each frame (T, 2)."""
    rng = np.random.default_rng(seed)
    back, patch = texture(SIZE, rng), texture((PATCH, PATCH), rng)
    middle = (np.array(SIZE[::-1]) - PATCH) / 2
    corners = middle + np.outer(np.arange(FRAMES) - (FRAMES - 1) / 2, direction) * speed
    frames = []
    for x, y in corners:
        move = np.array([[1, 0, x], [0, 1, y]])
        drawn, mask = (
            cv2.warpAffine(image, move, SIZE[::-1], flags=cv2.INTER_CUBIC)
            for image in (patch, np.ones_like(patch))
        )
        frames.append(np.clip(np.rint(back * (1 - mask) + drawn), 0, 255).astype(np.uint8))
    return np.repeat(np.stack(frames)[..., None], 3, axis=-1), corners


def texture(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32 grey levels with fine and coarse details."""
    image = np.zeros(size, np.float32)
    for sigma in (1.5, 6):
        detail = cv2.GaussianBlur(rng.normal(0, 1, size).astype(np.float32), (0, 0), sigma)
        image += detail / detail.std()
    return 128 + 30 * image


def in_and_beside(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Masks (T-1, H, W) of the pixels of flow fields inside the patch, and of those well away from
    it."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    left, top = (patches[:-1, i, None, None] for i in (0, 1))
    # Distance to the patch's border, positive inside.
    depth = np.minimum(
        np.minimum(x - left, left + PATCH - 1 - x), np.minimum(y - top, top + PATCH - 1 - y)
    )
    return depth >= INNER, depth <= -2 * INNER


def share_left(network: VideoNetwork, clips: Tensor) -> tuple[float, float]:
    """Share of the scale that is kept, as the median over channels: with the statistics of a batch,
    and with converged ones."""
    convolution = next(m for m in network.modules() if isinstance(m, nn.Conv3d))
    norm = first_norm(network)
    norm.reset_running_stats()
    with torch.no_grad():
        x = convolution(clips)
        for _ in range(SETTLED):
            in_training = norm.train()(x)
        scales = [y.std(dim=(0, 2, 3, 4)).median() for y in (in_training, norm.eval()(x))]
    return float(scales[0]), float(scales[1])


if __name__ == "__main__":
    main()
