"""The flow stage: the flow of every video of a shard of frames."""

import logging
from pathlib import Path

import cv2
import numpy as np

from motionfit.config import Flow
from motionfit.flow.encoding import quantise
from motionfit.flow.methods import compute_flow
from motionfit.store.images import decode_rgb, encode_jpeg
from motionfit.store.shards import Shards, write_shard

log = logging.getLogger(__name__)


def store_flow(frames: Path, recipe: Flow, threads: int, output: Path) -> None:
    """Writes the flow of all videos of the shard `frames` to the shard `output`.

    flow[t] is the motion from frame t to t+1; the last is repeated, so that frames and flow have
    the same length. x and y are stored above each other as one grey JPEG.
    """
    source = Shards([frames], "frames")
    videos = list(source)
    made = {**recipe.model_dump(mode="json"), "fps": source.recipe["fps"]}
    with write_shard(output, "flow", made) as shard:
        for video in videos:
            grey = np.stack(
                [
                    cv2.cvtColor(decode_rgb(data), cv2.COLOR_RGB2GRAY)
                    for data in source.read(video, 0, source.length(video))
                ]
            )
            flow = quantise(compute_flow(grey, recipe.method, threads), recipe.bound)
            flow = np.concatenate([flow, flow[-1:]])
            shard.add(
                video,
                [
                    encode_jpeg(np.concatenate([field[..., 0], field[..., 1]]), recipe.quality)
                    for field in flow
                ],
                **source.attributes(video),
            )
    log.info("flow of %d videos", len(videos))
