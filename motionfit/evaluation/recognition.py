"""Recognition: the class of a video from several of its clips."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from motionfit.datasets.index import classes, part
from motionfit.errors import MotionFitError
from motionfit.files import replacing, write_json
from motionfit.models import SavedModel, load_model
from motionfit.models.device import inference_device
from motionfit.models.network import VideoNetwork
from motionfit.store.clips import ClipStore
from motionfit.store.frame_rates import warn_of_rates
from motionfit.training.clips import network_input
from motionfit.training.data import uniform_starts
from motionfit.training.inference import check_finite, clip_outputs
from motionfit.training.labels import stored

log = logging.getLogger(__name__)


@torch.inference_mode()
def video_probabilities(
    network: VideoNetwork,
    about: SavedModel,
    clips: np.ndarray,
    weights: np.ndarray,
    device: torch.device,
) -> np.ndarray:
    """Cropped clips (N, L, S, S, C) uint8 of one video, and how often each counts (N,), to (K,)
    class probabilities: the mean of the clips' softmax."""
    logits = network(network_input(torch.from_numpy(clips).to(device), about.modality))
    return np.average(logits.softmax(dim=1).cpu().numpy(), axis=0, weights=weights)


def recognise(
    model: Path,
    index: pd.DataFrame,
    split: int,
    clips: Path,
    clip_length: int,
    count: int,
    threads: int,
    output: Path,
    predictions: Path,
) -> None:
    """Classifies the test videos of a split by `count` evenly spread clips of `clip_length` frames
    each, of which a short video has some several times.

    `output` gets the top-1 and top-5 accuracy; `predictions` one row per video: video, label,
    predicted, and p(CLASS), the probability of each class.
    """
    device = inference_device(threads)
    network, about = load_model(model)
    if about.classes != classes(index):
        raise MotionFitError(
            f"{model} knows the classes {', '.join(about.classes[:3])}, ..., which are not those "
            "of the data set it is evaluated on: give the evaluation fine_tuning"
        )
    about = replace(about, clip_length=clip_length)
    network.to(device)
    store = ClipStore(clips, index["shard"], about.modality)
    test = stored(part(index, split, "test"), store, about.clip_length)
    warn_of_rates("the target", store.rate, about.rate)
    starts = {v: uniform_starts(store.length(v), clip_length, count) for v in test["video"]}
    by_clip = clip_outputs(lambda x: network(x).softmax(dim=1), about, store, starts, device,
                           threads)  # fmt: skip
    probabilities = np.stack([of_video.mean(axis=0) for of_video in by_clip.values()])
    check_finite(probabilities, model)
    truth = np.array([about.classes.index(label) for label in test["label"]])
    order = np.argsort(-probabilities, axis=1)
    table = test[["video", "label"]].assign(predicted=[about.classes[k] for k in order[:, 0]])
    table[[f"p({name})" for name in about.classes]] = probabilities.round(5)
    with replacing(predictions) as temporary:
        table.to_csv(temporary, index=False)
    hits = order == truth[:, None]
    result = {"top1": hits[:, 0].mean(), "top5": hits[:, :5].any(axis=1).mean()}
    write_json(output, {**result, "videos": len(test)})
    log.info("top-1 %.1f%% of %d videos", 100 * result["top1"], len(test))
