"""Compares the training loop with training steps of its network on one batch in memory.

    python benchmarks/training.py

The difference is the cost of reading, checking and logging. Both run in turns in one process, so
that other load on the machine slows both alike. The first epoch of the loop is not timed, since it
starts the worker processes. On a GPU, the table has one row per way to compute, with the share of
the GPU's peak performance that is used and the gain over steps in float32 in memory.
"""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from motionfit.clips.sampling import whole_video
from motionfit.config import Training
from motionfit.models import build_network
from motionfit.store.clips import ClipStore
from motionfit.store.images import encode_jpeg
from motionfit.store.shards import write_shard
from motionfit.training.compute import Compute
from motionfit.training.data import Draw, MultiClipDataset
from motionfit.training.loop import train
from motionfit.training.objective import ClipLosses

CLASSES = 101
FRAMES = 64
PEAKS = {
    "H100 80GB HBM3": {32: 67, "tf32": 495, "bf16": 990},
    "H200": {32: 67, "tf32": 495, "bf16": 990},
    "A100": {32: 19.5, "tf32": 156, "bf16": 312},
}
"""Peak performance of GPUs for dense matrices by their data sheets, in TFLOP/s."""
console = Console(width=140)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    on_gpu = torch.cuda.is_available()
    parser.add_argument("--backbone", default="r2plus1d_18")
    parser.add_argument("--size", type=int, nargs=2, default=(128, 171), metavar=("H", "W"))
    parser.add_argument("--crop", type=int, default=112)
    parser.add_argument("--clip-length", type=int, default=16)
    parser.add_argument("--clips-per-video", type=int, default=3)
    parser.add_argument(
        "--batch-size", type=int, default=16 if on_gpu else 2, help="videos (default: %(default)s)"
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=40 if on_gpu else 3,
        help="steps per turn (default: %(default)s)",
    )
    parser.add_argument("--turns", type=int, default=4, help="(default: %(default)s)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--workers", type=int, help="worker processes (default: 2; on a GPU, as many as threads)"
    )
    args = parser.parse_args()
    if args.workers is None:
        args.workers = args.threads if on_gpu else 2
    device = torch.cuda.get_device_name() if on_gpu else "CPU"
    ways = {"float32": (Compute(args.threads, workers=args.workers), 32)}
    if on_gpu:
        plain = ways["float32"][0]
        last = replace(plain, channels_last=True)
        ways |= {
            "bf16": (plain, "bf16"),
            "bf16, channels last": (last, "bf16"),
            "bf16, compiled": (replace(plain, compile=True), "bf16"),
            "bf16, channels last, compiled": (replace(last, compile=True), "bf16"),
            "bf16, channels last, GPU decoding": (replace(last, gpu_decoding=True), "bf16"),
        }
    table = Table(
        title=f"{args.backbone}, {args.batch_size} videos x {args.clips_per_video} clips "
        f"x {args.clip_length} frames of {args.crop} pixels per step, {args.threads} "
        f"threads, {args.workers} workers, {device}",
        title_justify="left",
    )
    heads = ["", "steps/s in memory", "steps/s of the loop", "loop / memory", "clips/s", "waiting"]
    for head in heads + (["share of peak", "x float32 in memory"] if on_gpu else []):
        table.add_column(head, justify="left" if not head else "right")
    with tempfile.TemporaryDirectory() as folder:
        store = make_clips(args, Path(folder))
        first = None
        for name, (compute, precision) in ways.items():
            result = measure(args, store, compute, precision, Path(folder) / name)
            first = first or result["memory"]
            row = [
                name,
                f"{result['memory']:.3f}",
                f"{result['loop']:.3f}",
                f"{result['ratio']:.3f}",
                f"{result['clips']:.1f}",
                f"{result['waiting']:.1%}",
            ]
            if on_gpu:
                row += [share_of_peak(result, device, precision), f"{result['loop'] / first:.2f}"]
            table.add_row(*row)
    console.print(table)


def make_clips(args: argparse.Namespace, folder: Path) -> ClipStore:
    """Writes a shard of smoothed noise, whose JPEG images are about as large as those of real
    frames."""
    rng = np.random.default_rng(0)
    size = tuple(args.size)
    with write_shard(folder / "0000.h5", "frames", {"size": list(size), "fps": None}) as shard:
        for i in range(args.steps * args.batch_size):
            coarse = rng.integers(0, 255, (size[0] // 4, size[1] // 4, 3), dtype=np.uint8)
            image = np.asarray(
                torch.nn.functional.interpolate(
                    torch.from_numpy(coarse).permute(2, 0, 1)[None].float(), size, mode="bilinear"
                )[0]
                .permute(1, 2, 0)
                .byte()
            )
            jpeg = encode_jpeg(image, 95)
            shard.add(f"v{i}", [jpeg] * FRAMES, source="noise", rate=12.0)
    return ClipStore(folder, ["0000"], "frames")


def measure(
    args: argparse.Namespace, store: ClipStore, compute: Compute, precision: str | int, folder: Path
) -> dict[str, float]:
    """Medians over the turns: steps per second in memory and in the loop, their ratio, and the
    loop's clips per second and share of waiting."""
    recipe = Training(
        epochs=args.turns + 1,
        milestones=(args.turns + 1,),
        crop=args.crop,
        batch_size=args.batch_size,
        clips_per_video=args.clips_per_video,
        precision=precision,
        validation_fraction=0,
    )
    videos = [whole_video(v, FRAMES, i % CLASSES) for i, v in enumerate(store.shards)]

    def dataset(encoded: bool) -> MultiClipDataset:
        return MultiClipDataset(
            store, videos, args.clip_length, recipe, training=True, encoded=encoded
        )

    bare = InMemory(args, recipe, compute, dataset(encoded=False))
    memory: list[float] = []

    class Turns(ClipLosses):
        """Runs as many steps in memory before each epoch of the loop, outside its measured time."""

        def train(self, mode: bool = True) -> "Turns":
            if mode:
                memory.append(bare.steps(args.steps))
            return super().train(mode)

    network = build_network(args.backbone, "frames", CLASSES, seed=0)
    objective = Turns(network, "frames", recipe, CLASSES)
    identity = json.loads(recipe.to_json())
    train(objective, dataset(compute.gpu_decoding), None, recipe, identity, folder, compute)
    history = pd.read_csv(folder / "history.csv").iloc[1:]
    step_clips = args.batch_size * args.clips_per_video
    loop = (history["clips_per_second"] / step_clips).tolist()
    memory = memory[-len(loop) :]
    return {
        "memory": statistics.median(memory),
        "loop": statistics.median(loop),
        "ratio": statistics.median(a / b for a, b in zip(loop, memory, strict=True)),
        "clips": statistics.median(loop) * step_clips,
        "waiting": history["waiting"].median(),
        "flops": bare.flops,
    }


class InMemory:
    """Runs the same training steps on one batch that is already on the device."""

    def __init__(
        self,
        args: argparse.Namespace,
        recipe: Training,
        compute: Compute,
        dataset: MultiClipDataset,
    ):
        compute.share_threads()
        self._fabric = compute.fabric(recipe.precision)
        self._fabric.launch()
        network = build_network(args.backbone, "frames", CLASSES, seed=0)
        objective = ClipLosses(network, "frames", recipe, CLASSES)
        if compute.channels_last:
            objective.to(memory_format=torch.channels_last_3d)
        batch, _ = dataset.collate([dataset[Draw(i)] for i in range(args.batch_size)])
        self._batch = batch.on_device(self._fabric.device)
        with FlopCounterMode(display=False) as counter:
            objective.to(self._fabric.device)(self._batch)[0].backward()
        self.flops = counter.get_total_flops()
        if compute.compile:
            objective.compile()
        optimizer = torch.optim.SGD(objective.parameters(), 1e-3, 0.9, weight_decay=5e-4)
        self._model, self._optimizer = self._fabric.setup(objective, optimizer)
        self.steps(2)

    def steps(self, count: int) -> float:
        """Runs `count` steps, and returns the steps per second."""
        wait(self._fabric)
        begun = time.perf_counter()
        for _ in range(count):
            loss, _ = self._model(self._batch)
            self._optimizer.zero_grad()
            self._fabric.backward(loss)
            self._optimizer.step()
        wait(self._fabric)
        return count / (time.perf_counter() - begun)


def wait(fabric: Fabric) -> None:
    if fabric.device.type == "cuda":
        torch.cuda.synchronize()


def share_of_peak(result: dict[str, float], device: str, precision: str | int) -> str:
    """Share of the GPU's peak performance at a precision that the loop uses, as text."""
    known = [peaks for name, peaks in PEAKS.items() if name in device]
    if not known:
        return "unknown GPU"
    kind = "tf32" if precision == 32 and torch.backends.cudnn.allow_tf32 else precision
    return f"{result['loop'] * result['flops'] / (known[0][kind] * 1e12):.1%} ({kind})"


if __name__ == "__main__":
    main()
