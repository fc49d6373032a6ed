"""Judges a motion model by the test videos of its split, before its features are used."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from motionfit import options
from motionfit.datasets.index import read_index, split_column
from motionfit.evaluation.recognition import ClipsOfVideo, stored_videos, video_probabilities
from motionfit.files import write_json
from motionfit.flow.encoding import dequantise
from motionfit.judgement import CLIPS, FAST, Judgement, Motion, judge_motion_model
from motionfit.modality import Modality
from motionfit.models import Learned, load_model
from motionfit.models.device import inference_device
from motionfit.result_tables import read_table
from motionfit.store.clips import ClipStore, rows_with_clips


def motion_judgement(
    *,
    name: str,
    model: Path,
    index: options.IndexFile,
    split: options.Split,
    clips_folder: options.ClipsFolder,
    stop_when_hopeless: bool = False,
    threads: options.Threads = options.CORES,
    output: options.Output,
) -> None:
    """Tell whether a motion model recognises more than guessing does.

    Parameters
    ----------
    name
        Name of the motion model.
    model
        Its model.pt, with its history.csv beside it.
    stop_when_hopeless
        Fail if it does not, so that nothing is made from the model.
    """
    table = read_index(index)
    network, about = load_model(model)
    test = table[table[split_column(split)] == "test"]
    if about.learned != Learned.LABELS:
        judgement = Judgement(f"The motion model {name} learned no labels to be judged by.")
    elif test.empty:
        judgement = Judgement(f"There are no test videos to judge the motion model {name} by.")
    else:
        device = inference_device(threads)
        network.to(device)
        store = ClipStore(clips_folder, table["shard"], about.modality)
        test = rows_with_clips(test, store, about.clip_length)
        predicted, vectors, random = [], [], np.random.default_rng(0)
        for video in stored_videos(store, test["video"], about, CLIPS, device, threads):
            probabilities = video_probabilities(network, about, video, device)
            predicted.append(about.classes[int(probabilities.argmax())])
            if about.modality == Modality.FLOW:
                vectors.append(sampled_vectors(video, store, random))
        history = read_table(model.with_name("history.csv"), {"train_accuracy": float})
        judgement = judge_motion_model(
            name,
            test["label"].tolist(),
            predicted,
            test["group"].tolist(),
            history["train_accuracy"].iloc[-1],
            motion_of(vectors, store) if vectors else None,
        )
    write_json(output, asdict(judgement))
    judgement.log(stop_when_hopeless)


SAMPLED = 10_000
"""Displacements per video that the quantiles are taken of."""


def sampled_vectors(
    video: ClipsOfVideo, store: ClipStore, random: np.random.Generator
) -> np.ndarray:
    """(SAMPLED, 2) displacements in pixels per frame, from random places in the clips."""
    stored = video.clips.reshape(-1, 2)
    return dequantise(stored[random.integers(len(stored), size=SAMPLED)], store.recipe["bound"])


def motion_of(vectors: Sequence[np.ndarray], store: ClipStore) -> Motion:
    """How far things move in the flow of some videos, by `sampled_vectors` of each."""
    all_vectors, bound = np.concatenate(vectors), store.recipe["bound"]
    median, fast = np.quantile(np.hypot(*all_vectors.T), [0.5, FAST])
    # JPEG changes stored flow by a few of its 127 steps.
    clipped = (np.abs(all_vectors).max(axis=1) >= 0.97 * bound).mean()
    return Motion(float(median), float(fast), float(clipped), tuple(store.recipe["size"]), bound)
