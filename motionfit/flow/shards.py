"""The flow stage: the flow of every video of a shard of frames.

A video is cut into segments. A method that computes pair by pair takes a segment a thread, which
decodes, computes and encodes it, so no thread ever waits for another. One that wants batches gets
many segments at once, while other threads decode the next ones and encode the last.
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
from motionfit.flow.methods import BATCHED, compute_pairs
from motionfit.flow.parallel import thread_pool
from motionfit.store.images import decode_grey, encode_jpeg
from motionfit.store.shards import Shards, write_shard

log = logging.getLogger(__name__)

SEGMENT = 16
"""Pairs of a video that a thread works on at a time."""

BLOCK = 2**25
"""Pixels of the pairs that a method in batches is given at a time: some 400 MB with the flow."""

T = TypeVar("T")
R = TypeVar("R")
Segment = tuple[str, list[np.ndarray]]
"""A video's id, and adjacent frames or fields of flow."""
Encoded = tuple[str, list[bytes]]


def store_flow(frames: Path, recipe: Flow, threads: int, output: Path) -> None:
    """Writes the flow of all videos of the shard `frames` to the shard `output`.

    flow[t] is the motion from frame t to t+1; the last is repeated, so that frames and flow have
    the same length. x and y are stored above each other as one grey JPEG.
    """
    source = Shards([frames], "frames")
    made = {**recipe.model_dump(mode="json"), "fps": source.recipe["fps"]}
    count = 0
    with thread_pool(threads) as pool, write_shard(output, "flow", made) as shard:
        for video, parts in groupby(flow_of(source, recipe, threads, pool), key=itemgetter(0)):
            fields = [field for _, part in parts for field in part]
            shard.add(video, [*fields, fields[-1]], source.source(video), source.rate(video))
            count += 1
    log.info("flow of %d videos", count)


def flow_of(
    source: Shards, recipe: Flow, threads: int, pool: ThreadPoolExecutor
) -> Iterator[Encoded]:
    """Yields the encoded flow of all videos, a segment at a time, in order."""

    def encode(segment: Segment) -> Encoded:
        video, fields = segment
        return video, [encode_field(quantise(f, recipe.bound), recipe.quality) for f in fields]

    def whole(segment: Segment) -> Encoded:
        video, frames = decode_segment(segment)
        return encode((video, compute_pairs(list(pairwise(frames)), recipe.method)))

    if recipe.method not in BATCHED:
        return in_advance(pool, whole, segments(source), 2 * threads)
    # All that the next block needs is decoded meanwhile.
    depth = threads + BLOCK // (SEGMENT * math.prod(source.recipe["size"]))
    decoded = in_advance(pool, decode_segment, segments(source), depth)
    return in_advance(pool, encode, in_blocks(decoded, recipe.method, threads), depth)


def segments(source: Shards) -> Iterator[Segment]:
    """Yields each video's id with up to SEGMENT + 1 encoded frames, the last of which is the first
    of the video's next segment."""
    for video in source:
        for start in range(0, source.length(video) - 1, SEGMENT):
            length = min(SEGMENT + 1, source.length(video) - start)
            yield video, source.read(video, start, length)


def decode_segment(segment: Segment) -> Segment:
    """Encoded frames to (H, W) uint8 grey."""
    video, frames = segment
    return video, [decode_grey(data) for data in frames]


def in_blocks(decoded: Iterable[Segment], method: str, threads: int) -> Iterator[Segment]:
    """Segments of frames to segments of flow, computed in blocks of at most BLOCK pixels, or of one
    segment."""
    block: list[Segment] = []
    pixels = 0
    for video, frames in decoded:
        added = (len(frames) - 1) * frames[0].size
        if block and pixels + added > BLOCK:
            yield from computed(block, method, threads)
            block, pixels = [], 0
        block.append((video, frames))
        pixels += added
    yield from computed(block, method, threads)


def computed(block: list[Segment], method: str, threads: int) -> Iterator[Segment]:
    pairs = [pair for _, frames in block for pair in pairwise(frames)]
    # Fields go as they are handed on, so that a block's are not kept while the next is computed.
    fields = deque(compute_pairs(pairs, method, threads))
    for video, frames in block:
        yield video, [fields.popleft() for _ in frames[1:]]


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
