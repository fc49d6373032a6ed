"""Compares methods of optical flow: speed, difference to OpenCV's TV-L1, and end-point error.

    python benchmarks/flow.py --truth FRAME1.png FRAME2.png TRUTH.flo --videos VIDEO...

All methods run on the same pairs in turns, so that other load on the machine slows all of them
alike. The GPU is used if there is one. The last table compares the whole flow stage (read, decode,
compute, encode, write) with the method alone.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Sequence
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from motionfit.config import Flow
from motionfit.flow.methods import BATCHED, METHODS, Pair, compute_pairs
from motionfit.flow.shards import BLOCK, store_flow
from motionfit.store.images import encode_jpeg
from motionfit.store.shards import write_shard
from motionfit.store.video import decode

SIZES = {"171x128": (128, 171), "340x256": (256, 340)}
console = Console(width=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--truth",
        type=Path,
        nargs=3,
        metavar=("FRAME1", "FRAME2", "FLO"),
        help="two frames and their true flow, for example of Middlebury",
    )
    parser.add_argument("--videos", type=Path, nargs="+", default=[], help="video files")
    parser.add_argument("--pairs", type=int, default=4, help="pairs per video (default: 4)")
    parser.add_argument(
        "--turns", type=int, default=3, help="times that each method runs (default: 3)"
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=torch.get_num_threads(),
        help="CPU threads of the runs on several cores (default: all)",
    )
    parser.add_argument(
        "--gpu-pairs",
        type=int,
        default=4096,
        help="pairs per turn on a GPU, by repeating the same ones (default: 4096)",
    )
    args = parser.parse_args()
    methods = [m for m in METHODS if m != "tvl1_gpu" or torch.cuda.is_available()]
    if torch.cuda.is_available():
        console.print(f"GPU: {torch.cuda.get_device_name()}")
    if args.truth:
        first, second = (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in args.truth[:2])
        truth = cv2.readOpticalFlow(str(args.truth[2]))
        compare(args.truth[0].name, [(first, second)], methods, args, truth)
    for name, size in SIZES.items():
        pairs = [pair for video in args.videos for pair in pairs_of(video, size, args.pairs)]
        if pairs:
            compare(f"{len(args.videos)} videos at {name}", pairs, methods, args, None)
    if args.videos:
        compare_stage(args.videos, methods, args.threads)


def pairs_of(video: Path, size: tuple[int, int], count: int) -> list[Pair]:
    """Pairs of adjacent frames from the middle of the first 200 frames of a video."""
    frames = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in islice(decode(video, size), 200)]
    start = max(0, (len(frames) - count) // 2)
    return list(pairwise(frames[start : start + count + 1]))


def compare(
    title: str,
    pairs: list[Pair],
    methods: Sequence[str],
    args: argparse.Namespace,
    truth: np.ndarray | None,
) -> None:
    """Prints one row per method: its median speed over the turns, and its accuracy."""
    flows, alone, together = {}, {}, {}
    for method in methods:
        flows[method] = np.stack(compute_pairs(pairs, method))  # also compiles the method
    for _ in range(args.turns):
        for method in methods:
            if method == "tvl1_gpu":
                many = pairs * max(1, args.gpu_pairs // len(pairs))
                together.setdefault(method, []).append(rate(many, method, args.threads))
            else:
                alone.setdefault(method, []).append(rate(pairs, method, 1))
                many = pairs * max(1, -(-16 * args.threads // len(pairs)))
                together.setdefault(method, []).append(rate(many, method, args.threads))
    table = Table(title=f"{title}: {len(pairs)} pairs", title_justify="left")
    table.add_column("method")
    for head in (
        "pairs/s per core",
        "x OpenCV",
        f"pairs/s, {args.threads} threads",
        "x one core",
        "difference",
        "largest",
        "end-point error",
    ):
        table.add_column(head, justify="right")
    for method in methods:
        difference = np.linalg.norm(flows[method] - flows["opencv"], axis=-1)
        one = np.median(alone[method]) if method in alone else None
        ratios = one and np.median(np.divide(alone[method], alone["opencv"]))
        gains = one and np.median(np.divide(together[method], alone[method]))
        table.add_row(
            method,
            *(f"{v:.1f}" if v else "" for v in (one, ratios)),
            f"{np.median(together[method]):.1f}",
            f"{gains:.2f}" if gains else "",
            f"{difference.mean():.4f}",
            f"{difference.max():.2f}",
            "" if truth is None else f"{end_point_error(flows[method][0], truth):.4f}",
        )
    console.print(table)


def rate(pairs: list[Pair], method: str, threads: int) -> float:
    """Pairs per second."""
    start = time.perf_counter()
    compute_pairs(pairs, method, threads)
    return len(pairs) / (time.perf_counter() - start)


def end_point_error(flow: np.ndarray, truth: np.ndarray) -> float:
    known = np.abs(truth).max(axis=-1) < 1e3
    return float(np.linalg.norm(flow - truth, axis=-1)[known].mean())


def compare_stage(videos: Sequence[Path], methods: Sequence[str], threads: int) -> None:
    """Prints the pairs per second of the flow stage beside those of the method alone, at
    171x128."""
    size = SIZES["171x128"]
    clips = {str(video): list(islice(decode(video, size), 65)) for video in videos}
    pairs = [
        pair
        for frames in clips.values()
        for pair in pairwise([cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in frames])
    ]
    table = Table(title=f"flow stage at 171x128, {threads} threads", title_justify="left")
    for head in ("method", "pairs", "method alone, pairs/s", "stage, pairs/s", "stage / alone"):
        table.add_column(head, justify="left" if head == "method" else "right")
    with tempfile.TemporaryDirectory() as folder:
        frames, output = Path(folder) / "frames.h5", Path(folder) / "flow.h5"
        for method in methods:
            if method == "opencv":
                continue  # it would take minutes and show little
            # A method that works in batches gets several blocks. Otherwise nothing would overlap.
            blocks = -(-5 * BLOCK // (len(pairs) * math.prod(size))) if method in BATCHED else 1
            with write_shard(frames, "frames", {"size": list(size), "fps": None}) as new:
                for name, clip in clips.items():
                    encoded = [encode_jpeg(frame, 95) for frame in clip]
                    for i in range(blocks):
                        new.add(f"{name} {i}", encoded, source=name)
            bare, whole = [], []
            for _ in range(3):
                bare.append(rate(pairs * blocks, method, threads))
                start = time.perf_counter()
                store_flow(frames, Flow(method=method, size=size), threads, output)
                whole.append(len(pairs) * blocks / (time.perf_counter() - start))
            share = np.median(np.divide(whole, bare))
            table.add_row(
                method,
                f"{len(pairs) * blocks}",
                f"{np.median(bare):.1f}",
                f"{np.median(whole):.1f}",
                f"{share:.2f}",
            )
    console.print(table)


if __name__ == "__main__":
    main()
