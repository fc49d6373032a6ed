"""What storage and a network leave of slow motion.

    python benchmarks/small_motion.py

For each speed: a patch on a ninth of the picture moves, each video's in another direction; its flow
is stored as 8 bits and as JPEG of quality 95, and read as a network reads it. The last columns are
the share of its scale that the first batch normalisation of a network of random weights leaves, by
torchvision's eps and by this project's.
"""

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from motionfit.flow.encoding import dequantise, quantise
from motionfit.flow.stage import encode_field
from motionfit.models import build_network
from motionfit.models.backbones import FLOW_EPS
from motionfit.store.images import decode_grey
from motionfit.training.clips import network_input

SPEEDS = (0.05, 0.1, 0.2, 0.5, 1.0, 3.0, 10.0)
BOUND, QUALITY = 20.0, 95
VIDEOS, SIDE, PATCH, FRAMES = 8, 112, 37, 8
BACKBONES = {"r2plus1d_18": 1e-5, "r2plus1d_small": 1e-5, "s3d_g": 1e-3}
"""Backbone to torchvision's eps."""


def stored(field: np.ndarray) -> np.ndarray:
    """(H, W, 2) in pixels to what comes back of it, uint8."""
    data = encode_field(quantise(field, BOUND), QUALITY)
    return np.stack(np.split(decode_grey(np.frombuffer(data, np.uint8)), 2), axis=-1)


def clips_of(speed: float) -> tuple[np.ndarray, float, float]:
    """(N, L, H, W, 2) uint8; the mean speed, in pixels, that is left of the patches; and that which
    is found around them."""
    rng = np.random.default_rng(0)
    clips, inside, around = [], [], []
    for _ in range(VIDEOS):
        angle = rng.uniform(0, 2 * np.pi)
        direction = np.array([np.cos(angle), np.sin(angle)], np.float32)
        y, x = rng.integers(0, SIDE - PATCH, 2)
        patch = np.zeros((SIDE, SIDE), bool)
        patch[y : y + PATCH, x : x + PATCH] = True
        field = np.where(patch[..., None], speed * direction, 0).astype(np.float32)
        clip = stored(field)
        found = dequantise(clip, BOUND)
        inside.append((found[patch] @ direction).mean())
        around.append(np.linalg.norm(found[~patch], axis=-1).mean())
        clips.append(np.broadcast_to(clip, (FRAMES, *clip.shape)))
    return np.stack(clips), float(np.mean(inside)), float(np.mean(around))


@torch.no_grad()
def share(backbone: str, x: torch.Tensor, eps: float) -> float:
    """Mean over the channels of the standard deviation behind the first batch normalisation."""
    network = build_network(backbone, "flow", 2, seed=0).train()
    first = next(m for m in network.modules() if isinstance(m, nn.BatchNorm3d))
    first.eps = eps
    outputs: list[torch.Tensor] = []
    first.register_forward_hook(lambda _module, _inputs, output: outputs.append(output.clone()))
    network(x)
    return outputs[0].std(dim=(0, 2, 3, 4)).mean().item()


def main() -> None:
    table = Table("pixels a frame", "stored", "around", "largest input", "rms input",
                  *(f"{name}, eps {eps:g} / {FLOW_EPS:g}" for name, eps in BACKBONES.items())
                  )  # fmt: skip
    for speed in SPEEDS:
        clips, inside, around = clips_of(speed)
        x = network_input(torch.from_numpy(clips), "flow")
        shares = [f"{share(name, x, eps):.2f} / {share(name, x, FLOW_EPS):.2f}"
                  for name, eps in BACKBONES.items()]  # fmt: skip
        table.add_row(f"{speed:g}", f"{inside:.3f}", f"{around:.4f}", f"{x.abs().max():.4f}",
                      f"{x.square().mean().sqrt():.5f}", *shares)  # fmt: skip
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
