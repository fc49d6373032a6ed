"""Measures how many copies of real clips the search for near-duplicates finds, and how many pairs
of different clips it flags.

    python benchmarks/duplicates.py --clips FOLDER [FOLDER ...] [--copies 3] [--size 128x171]

Each clip is encoded again `--copies` times, each time changed in another way (`CHANGES`). Clips of
EgoGestAR with the same number at the end of their name are of one scene.

    python benchmarks/duplicates.py --random TESTS OTHERS

compares random hashes of that many videos of 10 seconds, and prints the time per pair.
"""

import argparse
import re
import resource
import tempfile
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
import pandas as pd

from motionfit.duplicates import GreyFrames, hashes_of, near_duplicates
from motionfit.duplicates.hashes import STEP, WINDOWS, VideoHashes, alike
from motionfit.store.frames import store_frames
from motionfit.store.shards import Shards
from motionfit.store.video import decode, frame_rate

ENDINGS = (".mp4", ".avi")


class Film(NamedTuple):
    """Decoded frames (T, H, W, 3) uint8 RGB, and their rate."""

    frames: np.ndarray
    rate: float


# ---------------------------------------------------------------------------------------- changes


def cropped(top: float, bottom: float, left: float, right: float) -> Callable[[Film], Film]:
    """Cuts off shares of the height and the width."""

    def change(film: Film) -> Film:
        height, width = film.frames.shape[1:3]
        rows = slice(round(top * height), round((1 - bottom) * height))
        columns = slice(round(left * width), round((1 - right) * width))
        return Film(film.frames[:, rows, columns], film.rate)

    return change


def scaled(factor: float) -> Callable[[Film], Film]:
    def change(film: Film) -> Film:
        small = [
            cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            for frame in film.frames
        ]
        return Film(np.stack(small), film.rate)

    return change


def trimmed(start: float, end: float) -> Callable[[Film], Film]:
    """Cuts off shares of the duration."""

    def change(film: Film) -> Film:
        count = len(film.frames)
        return Film(film.frames[round(start * count) : round((1 - end) * count)], film.rate)

    return change


def at_rate(factor: float) -> Callable[[Film], Film]:
    """Takes the nearest frames at another rate. The duration stays the same."""

    def change(film: Film) -> Film:
        count = max(2, round(len(film.frames) * factor))
        nearest = np.minimum(np.arange(count) / factor, len(film.frames) - 1).astype(int)
        return Film(film.frames[nearest], film.rate * factor)

    return change


CHANGES: dict[str, tuple[int, tuple[Callable[[Film], Film], ...]]] = {
    "low quality": (40, ()),
    "half the size": (30, (scaled(0.5),)),
    "10% cropped at each border": (28, (cropped(0.1, 0.1, 0.1, 0.1),)),
    "15% cropped at two borders": (28, (cropped(0.15, 0, 0, 0.15),)),
    "first 10% trimmed": (28, (trimmed(0.1, 0),)),
    "last 10% trimmed": (28, (trimmed(0, 0.1),)),
    "2/3 of the rate": (28, (at_rate(2 / 3),)),
    "all of these": (
        34,
        (cropped(0.05, 0.1, 0.1, 0.05), scaled(0.6), trimmed(0.1, 0), at_rate(0.8)),
    ),
}
"""Name of a change to its quality (CRF of H.264, larger is worse) and the changes of the frames."""


def changed(film: Film, name: str, path: Path) -> None:
    """Writes a changed copy of a film."""
    quality, changes = CHANGES[name]
    for change in changes:
        film = change(film)
    options = {"preset": "veryfast", "crf": str(quality), "threads": "1"}
    with av.open(str(path), "w") as container:
        rate = Fraction(film.rate).limit_denominator(1000)
        stream = container.add_stream("libx264", rate, options=options)
        stream.height, stream.width = (side - side % 2 for side in film.frames.shape[1:3])
        stream.pix_fmt = "yuv420p"
        for frame in film.frames[:, : stream.height, : stream.width]:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


# ------------------------------------------------------------------------------------------ clips


def clips_in(folders: Iterable[Path]) -> pd.DataFrame:
    """One row per clip: video, path, group. A group is a scene: for UCF101 the class and the number
    after `_g`, for EgoGestAR the number at the end of the name."""
    rows = []
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS):
            named = re.fullmatch(r"testvideo_.+_(\d+)|v_(\w+_g\d+)_c\d+", path.stem)
            group = next(filter(None, named.groups())) if named else path.stem
            rows.append((path.stem, str(path), group))
    return pd.DataFrame(rows, columns=["video", "path", "group"])


def whole(path: Path) -> Film:
    with av.open(str(path), metadata_errors="ignore") as container:
        size = container.streams.video[0].height, container.streams.video[0].width
    return Film(np.stack(list(decode(path, size))), float(frame_rate(path)))


def copies_of(clips: pd.DataFrame, count: int, folder: Path) -> pd.DataFrame:
    """Writes `count` copies of each clip. One row per copy: video, path, original, change."""
    names, rows = list(CHANGES), []
    for i, clip in enumerate(clips.itertuples()):
        film = whole(Path(clip.path))
        for k in range(count):
            change = names[(i * count + k) % len(names)]
            path = folder / f"{clip.video}-{k}.mp4"
            changed(film, change, path)
            rows.append((path.stem, str(path), clip.video, change))
    return pd.DataFrame(rows, columns=["video", "path", "original", "change"])


# ---------------------------------------------------------------------------------------- figures


def shown(name: str, flagged: int, pairs: int) -> str:
    return f"  {name}: {flagged} of {pairs} ({flagged / max(pairs, 1):.2%})"


def measure(clips: pd.DataFrame, copies: pd.DataFrame, shards: Shards) -> pd.DataFrame:
    """Searches the pairs of two clips, and those of a clip and a copy. One row per pair: change
    (None for two clips), same_video, same_group, found."""
    videos = pd.concat([clips.assign(original=clips["video"]), copies], ignore_index=True)
    videos["group"] = videos["original"].map(clips.set_index("video")["group"])
    frames = [GreyFrames(shards, video) for video in videos["video"]]
    hashes = hashes_of(frames, threads=1)
    count = len(clips)
    found = near_duplicates(
        frames[:count], hashes[:count], frames, hashes, lambda i, others: others > i, threads=1
    )
    flagged = {(pair.video, pair.other) for pair in found}
    rows = [
        (
            videos["change"][j],
            videos["original"][i] == videos["original"][j],
            videos["group"][i] == videos["group"][j],
            (i, j) in flagged,
        )
        for i in range(count)
        for j in range(i + 1, len(videos))
    ]
    return pd.DataFrame(rows, columns=["change", "same_video", "same_group", "found"])


def time_comparison(tests: int, others: int) -> None:
    random = np.random.default_rng(0)

    def random_hashes() -> VideoHashes:
        bits = random.integers(0, 2**63, (41, 1 + len(WINDOWS)), np.uint64)
        return VideoHashes(bits[:, 0].copy(), bits[::STEP, 1:].copy())

    first, second = ([random_hashes() for _ in range(count)] for count in (tests, others))
    start, cpu = time.perf_counter(), time.process_time()
    alike(first, second, threads=1)
    pairs = tests * others
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    print(f"{pairs} pairs in {seconds:.1f} s, {1e6 * cpu_seconds / pairs:.1f} CPU µs per pair")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{memory:.2f} GB at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--clips", type=Path, nargs="+")
    mode.add_argument("--random", type=int, nargs=2)
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--size", default="128x171")
    args = parser.parse_args()
    if args.random:
        time_comparison(*args.random)
        return
    height, width = map(int, args.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = clips_in(args.clips)
        copies = copies_of(clips, args.copies, folder)
        shard = folder / "0000.h5"
        store_frames(pd.concat([clips, copies]), (height, width), None, 95, shard)
        start = time.perf_counter()
        pairs = measure(clips, copies, Shards([shard], "frames"))
        seconds = time.perf_counter() - start
    print(f"{len(clips)} clips and {len(copies)} copies at {args.size}, in {seconds:.0f} s")
    print("copies found:")
    of_copies = pairs[pairs["same_video"]]
    for change, rows in of_copies.groupby("change"):
        print(shown(change, rows["found"].sum(), len(rows)))
    print(shown("all", of_copies["found"].sum(), len(of_copies)))
    print("pairs of different clips flagged:")
    different = pairs[~pairs["same_video"]]
    of_group = different[different["same_group"]]
    print(shown("of one group", of_group["found"].sum(), len(of_group)))
    print(shown("all", different["found"].sum(), len(different)))


if __name__ == "__main__":
    main()
