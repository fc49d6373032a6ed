"""Decodes and stores the frames of a shard of videos."""

from motionfit.datasets.index import read_index
from motionfit.options import FrameSize, IndexFile, Output, Quality, Rate, ShardName
from motionfit.store.frames import store_frames


def frames(
    *,
    index: IndexFile,
    shard: ShardName,
    size: FrameSize,
    fps: Rate | None = None,
    quality: Quality = 95,
    output: Output,
) -> None:
    """Decode, resize and store the videos of a shard."""
    videos = read_index(index)
    store_frames(videos[videos["shard"] == shard], size, fps, quality, output)
