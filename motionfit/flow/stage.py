"""The flow stage: the flow of every video of a shard of frames.

While a block of pairs is computed, other threads decode the frames of the next and encode the flow
of the last, so that a fast method does not wait for JPEG.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import numpy as np

from motionfit.config import Flow
from motionfit.flow.encoding import quantise
from motionfit.flow.methods import compute_pairs
from motionfit.store.images import decode_grey, encode_jpeg
from motionfit.store.shards import Shards, write_shard

log = logging.getLogger(__name__)

SEGMENT = 32
"""Pairs of a video that a thread decodes or encodes at a time."""

BLOCK = 2**25
"""Pixels of the pairs that a method is given at a time: enough for all threads or for a batch on a
GPU, and some 400 MB with the flow."""

T = TypeVar("T")
R = TypeVar("R")


def store_flow(frames: Path, recipe: Flow, threads: int, output: Path) -> None:
    """Writes the flow of all videos of the shard `frames` to the shard `output`.

    flow[t] is the motion from frame t to t+1; the last is repeated, so that frames and flow have
    the same length. x and y are stored above each other as one grey JPEG.
    """
    source = Shards([frames], "frames")
    made = {**recipe.model_dump(mode="json"), "fps": source.recipe["fps"]}

    def encode(segment: tuple[str, list[np.ndarray]]) -> tuple[str, list[bytes]]:
        video, fields = segment
        return video, [encode_field(quantise(f, recipe.bound), recipe.quality) for f in fields]

    count = 0
    with ThreadPoolExecutor(threads) as pool, write_shard(output, "flow", made) as shard:
        # All that the next block needs is decoded meanwhile.
        depth = threads + BLOCK // (SEGMENT * math.prod(source.recipe["size"]))
        decoded = in_advance(pool, decode_segment, segments(source), depth)
        encoded = in_advance(pool, encode, flows(decoded, recipe.method, threads), depth)
        for video, parts in groupby(encoded, key=itemgetter(0)):
            fields = [field for _, part in parts for field in part]
            shard.add(video, [*fields, fields[-1]], **source.attributes(video))
            count += 1
    log.info("flow of %d videos", count)


def segments(source: Shards) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yields each video's id with up to SEGMENT + 1 encoded frames, the last of which is the first
    of the video's next segment."""
    for video in source:
        for start in range(0, source.length(video) - 1, SEGMENT):
            length = min(SEGMENT + 1, source.length(video) - start)
            yield video, source.read(video, start, length)


def decode_segment(segment: tuple[str, list[np.ndarray]]) -> tuple[str, list[np.ndarray]]:
    """Encoded frames to (H, W) uint8 grey."""
    video, frames = segment
    return video, [decode_grey(data) for data in frames]


def flows(
    decoded: Iterable[tuple[str, list[np.ndarray]]], method: str, threads: int
) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Segments of frames to segments of flow, computed in blocks."""
    for block in blocks(decoded):
        fields = iter(
            compute_pairs([p for _, frames in block for p in pairwise(frames)], method, threads)
        )
        for video, frames in block:
            yield video, [next(fields) for _ in frames[1:]]


def blocks(
    decoded: Iterable[tuple[str, list[np.ndarray]]],
) -> Iterator[list[tuple[str, list[np.ndarray]]]]:
    """Segments in groups of at most BLOCK pixels, or of one segment."""
    block: list[tuple[str, list[np.ndarray]]] = []
    pixels = 0
    for video, frames in decoded:
        added = (len(frames) - 1) * frames[0].size
        if block and pixels + added > BLOCK:
            yield block
            block, pixels = [], 0
        block.append((video, frames))
        pixels += added
    if block:
        yield block


def in_advance(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T], depth: int
) -> Iterator[R]:
    """Yields `function` of each item in order, while the pool works on the next `depth`."""
    waiting: deque[Future[R]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > depth:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def encode_field(field: np.ndarray, quality: int) -> bytes:
    """(H, W, 2) uint8 to a JPEG of x above y."""
    return encode_jpeg(np.concatenate([field[..., 0], field[..., 1]]), quality)
