"""Compares the speed of reading clips from shards, from JPEG files and from video files.

    python benchmarks/reading.py VIDEO...

Most video code reads a folder with one JPEG file per frame. Here these files have the same bytes as
the shard, and are opened by Pillow, as most code does, or by OpenCV. All methods read the same
clips, R clips of a video one after the other as in a training, on one core and in turns. By
default, the files are in the page cache, and CPU time is measured, which other programs hardly
affect. With `--cold`, the files are dropped from the page cache before each turn, as for a data set
that is larger than memory, and wall-clock time is measured, which includes waiting.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from motionfit.store.clips import ClipStore, clip_frames
from motionfit.store.frames import store_frames

console = Console(width=120)
Clip = tuple[str, int]
Reader = Callable[[str, int, int], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO")
    parser.add_argument("--size", type=int, nargs=2, default=(128, 171), metavar=("H", "W"))
    parser.add_argument("--clip-length", type=int, default=16, metavar="L")
    parser.add_argument("--clips-per-video", type=int, default=3, metavar="R")
    parser.add_argument("--clips", type=int, default=400, help="clips per turn (default: 400)")
    parser.add_argument(
        "--turns", type=int, default=5, help="times that each method runs (default: 5)"
    )
    parser.add_argument(
        "--cold", action="store_true", help="drop the files from the page cache before each turn"
    )
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        compare(args, folder)


def compare(args: argparse.Namespace, folder: Path) -> None:
    size = (args.size[0], args.size[1])
    videos = pd.DataFrame({"video": map(str, args.videos), "path": map(str, args.videos)})
    store_frames(videos, size, None, 95, folder / "shards" / "0000.h5")
    store = ClipStore(folder / "shards", ["0000"], "frames")
    names = {video: f"{i:04d}" for i, video in enumerate(store.shards)}
    for video, name in names.items():
        (folder / "jpeg" / name).mkdir(parents=True)
        for t, data in enumerate(store.read_encoded(video, 0, store.length(video))):
            (folder / "jpeg" / name / f"{t:05d}.jpg").write_bytes(data.tobytes())

    def files(video: str, start: int, length: int) -> list[Path]:
        last = store.length(video) - 1
        return [
            folder / "jpeg" / names[video] / f"{min(t, last):05d}.jpg"
            for t in range(start, start + length)
        ]

    def from_folder(video: str, start: int, length: int) -> np.ndarray:
        return np.stack(
            [np.asarray(Image.open(path).convert("RGB")) for path in files(video, start, length)]
        )

    def from_folder_by_opencv(video: str, start: int, length: int) -> np.ndarray:
        return np.stack(
            [
                cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
                for path in files(video, start, length)
            ]
        )

    readers: dict[str, Reader] = {
        "shard": store.read,
        "folder of JPEG (Pillow)": from_folder,
        "folder of JPEG (OpenCV)": from_folder_by_opencv,
        "video file (PyAV)": lambda video, start, length: from_video(video, start, length, size),
    }
    rng = np.random.default_rng(0)
    chosen = rng.choice(list(names), -(-args.clips // args.clips_per_video))
    clips = [
        (video, int(rng.integers(max(store.length(video) - args.clip_length, 0) + 1)))
        for video in chosen
        for _ in range(args.clips_per_video)
    ]
    check(readers, clips[:20], args.clip_length)
    paths = {
        "shard": list((folder / "shards").glob("*.h5")),
        "folder of JPEG (Pillow)": list((folder / "jpeg").glob("*/*.jpg")),
        "folder of JPEG (OpenCV)": list((folder / "jpeg").glob("*/*.jpg")),
        "video file (PyAV)": args.videos,
    }
    clock = time.perf_counter if args.cold else time.process_time
    os.sync()  # only pages that are on the disk can be dropped
    rates: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(args.turns):
        for name, read in readers.items():
            if args.cold:
                drop_from_cache(paths[name])
            # Video files take ten times as long, so a part of the clips is enough.
            timed = clips if name != "video file (PyAV)" else clips[: len(clips) // 8]
            begun = clock()
            for video, start in timed:
                read(video, start, args.clip_length)
            rates[name].append(len(timed) / (clock() - begun))
    show(args, rates, paths)


def from_video(video: str, start: int, length: int, size: tuple[int, int]) -> np.ndarray:
    """Seeks to the key frame before the clip, and decodes and resizes from there, on one core."""
    frames: list[np.ndarray] = []
    with av.open(video, metadata_errors="ignore") as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        seconds = 1 / float(stream.average_rate)
        origin = stream.start_time or 0
        container.seek(origin + int(start * seconds / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            at = round(float((frame.pts - origin) * stream.time_base) / seconds)
            if at >= start:
                frames.append(
                    frame.to_ndarray(
                        format="rgb24", width=size[1], height=size[0], interpolation="AREA"
                    )
                )
            if len(frames) == length:
                break
    return np.stack(frames)[clip_frames(len(frames), 0, length)]


def check(readers: dict[str, Reader], clips: list[Clip], length: int) -> None:
    """Asserts that all readers give nearly the same clips. JPEG decoders differ slightly."""
    for video, start in clips:
        expected = readers["shard"](video, start, length).astype(int)
        for name, read in readers.items():
            clip = read(video, start, length)
            assert clip.shape == expected.shape, (name, clip.shape)
            difference = np.abs(clip - expected).mean()
            assert difference < (3 if name.startswith("video") else 1), (name, video, difference)


def drop_from_cache(paths: list[Path]) -> None:
    for path in paths:
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def show(
    args: argparse.Namespace, rates: dict[str, list[float]], paths: dict[str, list[Path]]
) -> None:
    state = "cold" if args.cold else "warm"
    table = Table(
        title=f"Clips of {args.clip_length} frames of {len(args.videos)} "
        f"videos at {args.size[1]}x{args.size[0]}, {state} files, one core",
        title_justify="left",
    )
    for head in (
        "read from",
        "clips/s per core",
        "the shard is faster by",
        "files",
        "MB",
        "MB on disk",
    ):
        table.add_column(head, justify="left" if head == "read from" else "right")
    for name, turns in rates.items():
        faster = statistics.median(a / b for a, b in zip(rates["shard"], turns, strict=True))
        sizes = [path.stat() for path in paths[name]]
        table.add_row(
            name,
            f"{statistics.median(turns):.1f}",
            f"{faster:.2f}",
            str(len(sizes)),
            f"{sum(s.st_size for s in sizes) / 1e6:.1f}",
            f"{sum(512 * s.st_blocks for s in sizes) / 1e6:.1f}",
        )
    console.print(table)


if __name__ == "__main__":
    main()
