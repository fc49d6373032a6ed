"""Computes the optical flow of a shard of frames."""

from motionfit.config import Flow
from motionfit.flow.shards import store_flow
from motionfit.options import CORES, FramesFolder, JsonRecipe, Output, ShardName, Threads


def flow(
    *,
    recipe: JsonRecipe[Flow],
    frames: FramesFolder,
    shard: ShardName,
    threads: Threads = CORES,
    output: Output,
) -> None:
    """Compute the optical flow of a shard of frames."""
    store_flow(frames / f"{shard}.h5", recipe, threads, output)
