"""Classifies the test videos of a split by evenly spread clips. In a short video, some clips count
several times.

The output has the top-1 and top-5 accuracy. `predictions.csv` beside it has one row per video:
video, label, predicted, and p(CLASS), the probability of each class.
"""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from motionfit import options
from motionfit.datasets.index import classes, part, read_index
from motionfit.errors import MotionFitError
from motionfit.evaluation.recognition import stored_videos, video_probabilities
from motionfit.files import replacing, write_json
from motionfit.inference import check_finite
from motionfit.models import load_model, save_model
from motionfit.models.device import inference_device
from motionfit.store.clips import ClipStore, rows_with_clips
from motionfit.store.frame_rates import warn_of_rates

log = logging.getLogger(__name__)


def recognition(
    *,
    model: Path,
    index: options.IndexFile,
    split: options.Split,
    clips_folder: options.ClipsFolder,
    clip_length: options.ClipLength,
    clips: options.ClipsPerVideo,
    threads: options.Threads = options.CORES,
    output: options.Output,
) -> None:
    """Classify the test videos of a split.

    The output has the accuracies. Class probabilities are written to predictions.csv beside it.

    Parameters
    ----------
    model
        The model.pt to evaluate. If it is in the folder of the output, the number of clips is saved
        in it.
    clips
        Number of evenly spread clips by which each video is classified.
    """
    table = read_index(index)
    device = inference_device(threads)
    network, about = load_model(model)
    if about.classes != classes(table):
        raise MotionFitError(
            f"{model} knows the classes {', '.join(about.classes[:3])}, ..., which are not those "
            "of the data set that it is evaluated on: set fine_tuning in the evaluation"
        )
    about = replace(about, clip_length=clip_length, clips=clips)
    # A model in the folder of the output belongs to this evaluation alone. With the number of clips
    # in it, it classifies other videos in the same way.
    if model.parent == output.parent:
        save_model(network, about, model)
    network.to(device)
    store = ClipStore(clips_folder, table["shard"], about.modality)
    test = rows_with_clips(part(table, split, "test"), store, clip_length)
    warn_of_rates("the target", store.rate, about.rate)
    videos = stored_videos(store, test["video"], about, clips, device, threads)
    probabilities = np.stack([video_probabilities(network, about, v, device) for v in videos])
    check_finite(probabilities, model)
    truth = np.array([about.classes.index(label) for label in test["label"]])
    order = np.argsort(-probabilities, axis=1)
    predictions = test[["video", "label"]].assign(predicted=[about.classes[k] for k in order[:, 0]])
    predictions[[f"p({name})" for name in about.classes]] = probabilities.round(5)
    with replacing(output.with_name("predictions.csv")) as temporary:
        predictions.to_csv(temporary, index=False)
    hits = order == truth[:, None]
    result = {"top1": hits[:, 0].mean(), "top5": hits[:, :5].any(axis=1).mean()}
    write_json(output, {**result, "videos": len(test)})
    log.info("top-1 %.1f%% of %d videos", 100 * result["top1"], len(test))
