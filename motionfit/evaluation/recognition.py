"""Recognition: the class of a video from several of its clips."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset

from motionfit.clips.loading import UnreadableVideo, loader_options, worker_failures
from motionfit.clips.sampling import uniform_starts
from motionfit.clips.transforms import network_input, read_centre_clips
from motionfit.datasets.index import classes, part
from motionfit.errors import MotionFitError
from motionfit.files import replacing, write_json
from motionfit.inference import check_finite, max_batch_size
from motionfit.models import SavedModel, load_model, save_model
from motionfit.models.device import inference_device
from motionfit.models.network import VideoNetwork
from motionfit.store.clips import ClipStore, rows_with_clips
from motionfit.store.frame_rates import warn_of_rates

log = logging.getLogger(__name__)


CPU_PIXELS = 2 * 16 * 112**2
"""Pixels of the clips that a network sees at a time on a CPU: two clips of 16 frames of 112 pixels,
for which R(2+1)D-18 takes 0.2 GB. Ten at a time take 1 GB more, and save a tenth of the time."""


class ClipsOfVideo(NamedTuple):
    """What a video is recognised by."""

    clips: np.ndarray
    """(N, L, S, S, C) uint8: its different clips, centre-cropped."""
    weights: np.ndarray
    """(N,): how often each counts; of a short video some count several times."""


def chosen_starts(frames: int, clip_length: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """First frames (N,) of the different ones of `count` evenly spread clips of a video, and how
    often each comes (N,)."""
    return np.unique(uniform_starts(frames, clip_length, count), return_counts=True)


@torch.inference_mode()
def video_probabilities(
    network: VideoNetwork, about: SavedModel, video: ClipsOfVideo, device: torch.device
) -> np.ndarray:
    """(K,) class probabilities of a video: the mean of its clips' softmax.

    The network sees the clips of one video at a time, so that a video's probabilities do not depend
    on what else is classified.
    """
    probabilities = []
    for clips in torch.from_numpy(video.clips).split(clips_at_once(about, device)):
        logits = network(network_input(clips.to(device, non_blocking=True), about.modality))
        probabilities.append(logits.float().softmax(dim=1).cpu().numpy())
    return np.average(np.concatenate(probabilities), axis=0, weights=video.weights)


def clips_at_once(about: SavedModel, device: torch.device) -> int:
    """Clips of a video that the network sees at a time: on a CPU few, to save memory."""
    if device.type != "cpu":
        return max_batch_size(about)
    return max(1, CPU_PIXELS // (about.clip_length * about.crop**2))


class StoredVideos(Dataset):
    """What stored videos are recognised by, in the order of their ids."""

    def __init__(self, store: ClipStore, videos: Sequence[str], about: SavedModel, count: int):
        self._store = store
        self._videos = list(videos)
        self._about = about
        self._count = count

    def __len__(self) -> int:
        return len(self._videos)

    def __getitem__(self, i: int) -> ClipsOfVideo | UnreadableVideo:
        video, about = self._videos[i], self._about
        length = self._store.length(video)
        starts, weights = chosen_starts(length, about.clip_length, self._count)
        try:
            clips = read_centre_clips(
                self._store, video, starts.tolist(), about.clip_length, about.crop
            )
        except (MotionFitError, OSError) as error:
            return UnreadableVideo(video, str(error))
        return ClipsOfVideo(clips, weights)


def read_in_advance(videos: StoredVideos, device: torch.device, threads: int) -> Iterator:
    """What each video is recognised by, read by `threads` processes where the device is a GPU.

    Raises MotionFitError where a clip can't be read: a measure would be of fewer videos.
    """
    workers = min(threads, len(videos)) if device.type == "cuda" else 0
    with worker_failures():
        for video in DataLoader(
            videos, batch_size=None, collate_fn=unchanged, **loader_options(workers)
        ):
            if isinstance(video, UnreadableVideo):
                raise MotionFitError(video.reason)
            yield video


def unchanged(video: ClipsOfVideo | UnreadableVideo) -> ClipsOfVideo | UnreadableVideo:
    """For a loader that is to leave arrays as they are."""
    return video


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
    predicted, and p(CLASS), the probability of each class. A model beside `output`, which is thus
    this evaluation's own, notes `count`, so that it classifies other videos in the same way.
    """
    device = inference_device(threads)
    network, about = load_model(model)
    if about.classes != classes(index):
        raise MotionFitError(
            f"{model} knows the classes {', '.join(about.classes[:3])}, ..., which are not those "
            "of the data set it is evaluated on: give the evaluation fine_tuning"
        )
    about = replace(about, clip_length=clip_length, clips=count)
    if model.parent == output.parent:
        save_model(network, about, model)
    network.to(device)
    store = ClipStore(clips, index["shard"], about.modality)
    test = rows_with_clips(part(index, split, "test"), store, about.clip_length)
    warn_of_rates("the target", store.rate, about.rate)
    videos = StoredVideos(store, test["video"], about, count)
    probabilities = np.stack(
        [
            video_probabilities(network, about, video, device)
            for video in read_in_advance(videos, device, threads)
        ]
    )
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
