"""Extracts features of densely sampled clips from shards of flow or frames."""

import logging
from dataclasses import replace

from motionfit.clips.sampling import dense_starts
from motionfit.config import Features
from motionfit.inference import check_finite, clip_outputs
from motionfit.models import load_model
from motionfit.models.device import inference_device
from motionfit.options import CORES, ClipsFolder, JsonRecipe, ModelFile, Output, ShardNames, Threads
from motionfit.store.clips import ClipStore
from motionfit.store.features import VideoFeatures, write_features

log = logging.getLogger(__name__)


def features(
    *,
    recipe: JsonRecipe[Features],
    model: ModelFile,
    clips_folder: ClipsFolder,
    shards: ShardNames,
    threads: Threads = CORES,
    output: Output,
) -> None:
    """Extract the features of the dense clips of some shards, average-pooled over time and space.

    If a feature is not finite, the command fails.
    """
    device = inference_device(threads)
    network, about = load_model(model)
    about = replace(about, clip_length=recipe.clip_length or about.clip_length)
    network.to(device)
    store = ClipStore(clips_folder, shards, about.modality)
    videos = list(store.shards)
    starts = {v: dense_starts(store.length(v), about.clip_length, recipe.stride) for v in videos}
    by_video = clip_outputs(
        network.features, about, store, starts, device, threads, recipe.batch_size
    )
    for of_video in by_video.values():
        check_finite(of_video, model)
    write_features(
        output,
        about.clip_length,
        [
            VideoFeatures(
                video, starts[video], by_video[video], store.length(video), about.clip_length
            )
            for video in videos
        ],
        [store.shards.rate(video) for video in videos],
        about.rate,
    )
    log.info("features of %d videos", len(videos))
