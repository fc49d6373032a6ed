"""Compares encodings of stored flow: bytes per field, and the error that they add.

    python benchmarks/flow_encoding.py --videos VIDEO...

The error is the mean absolute difference to the float32 flow, in pixels. Errors of moving pixels
matter most to a network, so they have a column of their own. A pixel counts as moving if its flow
is longer than half a pixel.
"""

import argparse
import time
import zlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from motionfit.flow import compute_flow
from motionfit.flow.encoding import dequantise, quantise
from motionfit.store.video import decode

SIZE = (128, 171)
BOUND = 20.0

Encode = Callable[[np.ndarray], bytes]
Decode = Callable[[bytes], np.ndarray]


def image(suffix: str, options: list[int]) -> tuple[Encode, Decode]:
    """Encodes flow as a grey image of 8 bits, with x above y."""

    def encode(flow: np.ndarray) -> bytes:
        stored = quantise(flow, BOUND)
        return cv2.imencode(suffix, np.concatenate([stored[..., 0], stored[..., 1]]), options)[
            1
        ].tobytes()

    def decode_image(data: bytes) -> np.ndarray:
        grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        return dequantise(np.stack(np.split(grey, 2), axis=-1), BOUND)

    return encode, decode_image


ENCODINGS: dict[str, tuple[Encode, Decode]] = {
    **{
        f"8 bits, JPEG {quality}": image(".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])
        for quality in (75, 85, 90, 95, 98, 100)
    },
    "8 bits, PNG": image(".png", [cv2.IMWRITE_PNG_COMPRESSION, 6]),
    "8 bits, WebP lossless": image(".webp", [cv2.IMWRITE_WEBP_QUALITY, 101]),
    "float16, zlib": (
        lambda flow: zlib.compress(flow.astype(np.float16).tobytes(), 6),
        lambda data: np.frombuffer(zlib.decompress(data), np.float16).reshape(*SIZE, 2),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=Path, nargs="+", required=True, help="video files")
    parser.add_argument("--pairs", type=int, default=15, help="pairs per video (default: 15)")
    args = parser.parse_args()
    flows = np.concatenate([flow_of(video, args.pairs) for video in args.videos])
    moving = np.linalg.norm(flows, axis=-1) > 0.5
    table = Table(
        title=f"{len(flows)} fields of {SIZE[1]}x{SIZE[0]}, {moving.mean():.0%} of the "
        f"pixels moving, bound {BOUND:.0f}",
        title_justify="left",
    )
    table.add_column("encoding")
    for head in (
        "bytes per field",
        "bits per pixel",
        "mean error",
        "of moving pixels",
        "encode, ms",
        "decode, ms",
    ):
        table.add_column(head, justify="right")
    for name, (encode, decode_field) in ENCODINGS.items():
        start = time.perf_counter()
        stored = [encode(flow) for flow in flows]
        middle = time.perf_counter()
        restored = np.stack([decode_field(data) for data in stored])
        end = time.perf_counter()
        error = np.abs(restored - flows)
        size = np.mean([len(data) for data in stored])
        table.add_row(
            name,
            f"{size:.0f}",
            f"{8 * size / np.prod(SIZE):.2f}",
            f"{error.mean():.4f}",
            f"{error[moving].mean():.4f}",
            f"{1000 * (middle - start) / len(flows):.2f}",
            f"{1000 * (end - middle) / len(flows):.2f}",
        )
    Console(width=110).print(table)


def flow_of(video: Path, pairs: int) -> np.ndarray:
    """Flow (pairs, H, W, 2) from the middle of the first 200 frames."""
    frames = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in islice(decode(video, SIZE), 200)]
    start = max(0, (len(frames) - pairs) // 2)
    return compute_flow(np.stack(frames[start : start + pairs + 1]), threads=2)


if __name__ == "__main__":
    main()
