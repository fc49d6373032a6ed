"""Decodes and stores the frames of a shard of videos."""

from motionfit import options
from motionfit.datasets.index import read_index
from motionfit.errors import MotionFitError
from motionfit.store.frames import store_frames


def frames(
    *,
    index: options.IndexFile,
    shard: options.ShardName,
    size: options.FrameSize,
    fps: options.Rate | None = None,
    quality: options.Quality,
    output: options.Output,
) -> None:
    """Decode, resize and store the videos of a shard.

    Parameters
    ----------
    size
        Height and width of the stored frames in pixels, such as 128x171.
    fps
        Frames per second to sample (default: all frames).
    """
    table = read_index(index)
    videos = table[table["shard"] == shard]
    if videos.empty:
        raise MotionFitError(f"--shard: {index} has no videos in a shard {shard!r}")
    store_frames(videos, size, fps, quality, output)
