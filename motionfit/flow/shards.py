"""Computes and stores the flow of all videos in a shard of frames.

Videos are cut into segments. If a method computes one pair at a time, each thread decodes, computes
and encodes its own segment, so that no thread waits for another. A method that computes batches
gets many segments at once, while other threads decode the next and encode the previous segments.
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
"""Number of pairs per segment."""

BLOCK = 2**25
"""Number of pixels in the pairs that a batched method gets at once: about 400 MB with the flow."""

T = TypeVar("T")
R = TypeVar("R")
Segment = tuple[str, list[np.ndarray]]
"""The id of a video, and adjacent frames or flow fields of it."""
Encoded = tuple[str, list[bytes]]


def store_flow(frames: Path, recipe: Flow, threads: int, output: Path) -> None:
    """Writes the flow of all videos of the shard `frames` to the shard `output`.

    flow[t] is the motion from frame t to t+1. The last field is repeated, so that frames and flow
    have the same length. x and y are stored one above the other in one grey JPEG.
    """
    source = Shards([frames], "frames")
    stored_recipe = {**recipe.model_dump(mode="json"), "fps": source.recipe["fps"]}
    count = 0
    with thread_pool(threads) as pool, write_shard(output, "flow", stored_recipe) as shard:
        for video, parts in groupby(flow_of(source, recipe, threads, pool), key=itemgetter(0)):
            fields = [field for _, part in parts for field in part]
            shard.add(video, [*fields, fields[-1]], source.source(video), source.rate(video))
            count += 1
    log.info("stored the flow of %d videos", count)


def flow_of(
    source: Shards, recipe: Flow, threads: int, pool: ThreadPoolExecutor
) -> Iterator[Encoded]:
    """Yields the encoded flow of all videos, one segment at a time, in order."""

    def encode(segment: Segment) -> Encoded:
        video, fields = segment
        return video, [encode_field(quantise(f, recipe.bound), recipe.quality) for f in fields]

    def whole(segment: Segment) -> Encoded:
        video, frames = decode_segment(segment)
        return encode((video, compute_pairs(list(pairwise(frames)), recipe.method)))

    if recipe.method not in BATCHED:
        return in_advance(pool, whole, segments(source), 2 * threads)
    # Meanwhile, the threads decode all segments of the next block.
    depth = threads + BLOCK // (SEGMENT * math.prod(source.recipe["size"]))
    decoded = in_advance(pool, decode_segment, segments(source), depth)
    return in_advance(pool, encode, in_blocks(decoded, recipe.method, threads), depth)


def segments(source: Shards) -> Iterator[Segment]:
    """Yields the id of a video with up to SEGMENT + 1 encoded frames. The last frame of a segment
    is also the first frame of the next."""
    for video in source:
        for start in range(0, source.length(video) - 1, SEGMENT):
            length = min(SEGMENT + 1, source.length(video) - start)
            yield video, source.read(video, start, length)


def decode_segment(segment: Segment) -> Segment:
    """Decodes the frames of a segment, each to (H, W) uint8 grey."""
    video, frames = segment
    return video, [decode_grey(data) for data in frames]


def in_blocks(decoded: Iterable[Segment], method: str, threads: int) -> Iterator[Segment]:
    """Yields segments of flow for segments of frames, computed in blocks of at most BLOCK pixels or
    one segment."""
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
    """Yields the segments of flow of a block."""
    pairs = [pair for _, frames in block for pair in pairwise(frames)]
    # Fields are removed as they are yielded, so that they do not stay in memory while the next
    # block is computed.
    fields = deque(compute_pairs(pairs, method, threads))
    for video, frames in block:
        yield video, [fields.popleft() for _ in frames[1:]]


def in_advance(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T], depth: int
) -> Iterator[R]:
    """Yields the result of `function` for each item in order, while the pool works on the next
    `depth` items."""
    waiting: deque[Future[R]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > depth:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def encode_field(field: np.ndarray, quality: int) -> bytes:
    """Encodes a field (H, W, 2) uint8 as a JPEG with x above y."""
    return encode_jpeg(np.concatenate([field[..., 0], field[..., 1]]), quality)
