"""Decodes and stores the frames of a shard of videos."""

from motionfit.datasets.index import read_index
from motionfit.errors import MotionFitError
from motionfit.options import FrameSize, IndexFile, Output, Quality, Rate, ShardName
from motionfit.store.frames import store_frames


def frames(
    *,
    index: IndexFile,
    shard: ShardName,
    size: FrameSize,
    fps: Rate | None = None,
    quality: Quality,
    output: Output,
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
