"""Extracts features of densely sampled clips from shards of flow or frames."""

import logging
from dataclasses import replace
from pathlib import Path

from motionfit import options
from motionfit.clips.sampling import dense_starts
from motionfit.config import Features
from motionfit.inference import check_finite, clip_outputs
from motionfit.models import load_model
from motionfit.models.device import inference_device
from motionfit.store.clips import ClipStore
from motionfit.store.features import VideoFeatures, write_features

log = logging.getLogger(__name__)


def features(
    *,
    recipe: options.JsonRecipe[Features],
    model: Path,
    clips_folder: options.ClipsFolder,
    shards: options.ShardNames,
    threads: options.Threads = options.CORES,
    output: options.Output,
) -> None:
    """Extract the features of the dense clips of some shards.

    They are average-pooled over time and space. If a feature is not finite, the command fails.

    Parameters
    ----------
    model
        model.pt of the motion model.
    """
    device = inference_device(threads)
    network, about = load_model(model)
    about = replace(about, clip_length=recipe.clip_length or about.clip_length)
    network.to(device)
    store = ClipStore(clips_folder, shards, about.modality)
    length, batch_size = about.clip_length, recipe.batch_size
    starts = {v: dense_starts(store.length(v), length, recipe.stride) for v in store.shards}
    by_video = clip_outputs(network.features, about, store, starts, device, threads, batch_size)
    videos = []
    for video, of_video in by_video.items():
        check_finite(of_video, model)
        frames = store.length(video)
        videos.append(VideoFeatures(video, starts[video], of_video, frames, length))
    rates = [store.shards.rate(video) for video in by_video]
    write_features(output, length, videos, rates, about.rate)
    log.info("features of %d videos", len(videos))
