"""Computes the optical flow of a shard of frames."""

from motionfit import options
from motionfit.config import Flow
from motionfit.flow.shards import store_flow


def flow(
    *,
    recipe: options.JsonRecipe[Flow],
    frames: options.FramesFolder,
    shard: options.ShardName,
    threads: options.Threads = options.CORES,
    output: options.Output,
) -> None:
    """Compute the optical flow of a shard of frames."""
    store_flow(frames / f"{shard}.h5", recipe, threads, output)
