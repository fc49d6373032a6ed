"""Times inference on one clip of a video file: RGB alone against flow and a motion model.

    python benchmarks/inference.py VIDEO...

Both decode the same frames. The second then computes their TV-L1 flow, by MotionFit's code or
OpenCV's. The networks have random weights, which take as long as trained ones. Both run in turns in
one process, so that other load on the machine slows both alike. The networks and MotionFit's flow
use the GPU if there is one.
"""

import argparse
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from motionfit.clips.transforms import centre_crop, network_input
from motionfit.flow.encoding import quantise
from motionfit.flow.methods import compute_flow
from motionfit.models import build_network
from motionfit.models.device import inference_device
from motionfit.store.video import decode

console = Console(width=120)
BOUND = 20.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO")
    parser.add_argument("--backbone", default="r2plus1d_18")
    parser.add_argument("--size", type=int, nargs=2, default=(128, 171), metavar=("H", "W"))
    parser.add_argument("--crop", type=int, default=112)
    parser.add_argument("--clip-length", type=int, default=16)
    parser.add_argument("--turns", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    device = inference_device(args.threads)
    methods = ["tvl1_gpu" if device.type == "cuda" else "tvl1", "opencv"]
    networks = {
        kind: build_network(args.backbone, kind, 101, seed=0).to(device).eval()
        for kind in ("frames", "flow")
    }
    seconds: dict[str, list[float]] = {}
    for turn in range(args.turns + 1):  # the first compiles and warms up
        for video in args.videos:
            begun = time.perf_counter()
            # Flow needs one more frame than the clip has, since it is computed from pairs.
            frames = np.stack(list(islice(decode(video, tuple(args.size)), args.clip_length + 1)))
            times = {"decode": time.perf_counter() - begun}
            times["frames"] = forward(networks["frames"], frames[:-1], "frames", args.crop, device)
            grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])
            for method in methods:
                begun = time.perf_counter()
                flow = quantise(compute_flow(grey, method, args.threads), BOUND)
                times[method] = time.perf_counter() - begun
            times["flow"] = forward(networks["flow"], flow, "flow", args.crop, device)
            if turn:
                for name, value in times.items():
                    seconds.setdefault(name, []).append(value)
    show(args, seconds, methods, device)


@torch.inference_mode()
def forward(
    network: torch.nn.Module, clip: np.ndarray, modality: str, crop: int, device: torch.device
) -> float:
    """Seconds from a stored clip (L, H, W, C) to logits."""
    begun = time.perf_counter()
    x = torch.from_numpy(centre_crop(clip, crop)[None]).to(device)
    network(network_input(x, modality)).cpu()
    return time.perf_counter() - begun


def show(
    args: argparse.Namespace,
    seconds: dict[str, list[float]],
    methods: list[str],
    device: torch.device,
) -> None:
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{args.threads} threads"
    table = Table(
        title=f"One clip of {args.clip_length} frames, {args.backbone}, {name}, "
        f"{len(args.videos)} videos: median ms",
        title_justify="left",
    )
    for head in ("", "decode", "flow", "network", "total", "x RGB", "x RGB before the network"):
        table.add_column(head, justify="right" if head else "left")
    decode = np.array(seconds["decode"])
    rgb = decode + seconds["frames"]
    rows = {"RGB alone": (0 * decode, np.array(seconds["frames"]))}
    for method in methods:
        rows[f"motion model, flow by {method}"] = (
            np.array(seconds[method]),
            np.array(seconds["flow"]),
        )
    for label, (flow, network) in rows.items():
        total = decode + flow + network
        values = [f"{1000 * np.median(part):.1f}" for part in (decode, flow, network, total)]
        ratios = [f"{np.median(total / rgb):.2f}", f"{np.median((decode + flow) / decode):.2f}"]
        table.add_row(label, *values, *ratios)
    console.print(table)


if __name__ == "__main__":
    main()
