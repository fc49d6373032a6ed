"""Features of the densely sampled clips of shards of flow, or of frames."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from motionfit.clips.sampling import dense_starts
from motionfit.config import Features
from motionfit.inference import check_finite, clip_outputs
from motionfit.models import load_model
from motionfit.models.device import inference_device
from motionfit.store.clips import ClipStore
from motionfit.store.features import VideoFeatures, write_features

log = logging.getLogger(__name__)


def store_features(
    recipe: Features, model: Path, clips: Path, shards: Sequence[str], threads: int, output: Path
) -> None:
    """Writes the average-pooled features of the dense clips of all videos of some shards in the
    folder `clips`, of flow or frames as the model wants. Raises MotionFitError where those are no
    numbers."""
    device = inference_device(threads)
    network, about = load_model(model)
    about = replace(about, clip_length=recipe.clip_length or about.clip_length)
    network.to(device)
    store = ClipStore(clips, shards, about.modality)
    videos = list(store.shards)
    starts = {v: dense_starts(store.length(v), about.clip_length, recipe.stride) for v in videos}
    features = clip_outputs(
        network.features, about, store, starts, device, threads, recipe.batch_size
    )
    for of_video in features.values():
        check_finite(of_video, model)
    write_features(
        output,
        about.clip_length,
        [
            VideoFeatures(
                video, starts[video], features[video], store.length(video), about.clip_length
            )
            for video in videos
        ],
        [store.shards.rate(video) for video in videos],
        about.rate,
    )
    log.info("features of %d videos", len(videos))
