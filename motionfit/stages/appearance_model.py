"""Trains an appearance model: an RGB network that learns pseudo-labels."""

from pathlib import Path
from typing import Annotated

import numpy as np

from motionfit import options
from motionfit.config import AppearanceModel
from motionfit.datasets.index import read_index
from motionfit.judgement import judge_pseudo_labels, judge_self_training
from motionfit.modality import Modality
from motionfit.models import Learned, origin, starting_network
from motionfit.pseudo_labels.granularity import commonest_share
from motionfit.store.clips import ClipStore, rows_with_clips
from motionfit.training.compute import ALL_CORES, Compute
from motionfit.training.labels import read_pseudo_labels, with_pseudo_labels
from motionfit.training.objective import ClipLosses
from motionfit.training.run import describe, lesson, train_and_save


def appearance_model(
    *,
    recipe: options.JsonRecipe[AppearanceModel],
    index: options.IndexFile,
    split: options.Split,
    pseudo_labels: Path,
    frames: options.FramesFolder,
    stop_when_hopeless: bool = False,
    compute: Annotated[Compute, options.EachField] = ALL_CORES,
    output: options.Output,
) -> None:
    """Train an RGB network on pseudo-labels.

    It learns from the frames of the source. It starts from random weights, or from the recipe's
    weight file.

    Parameters
    ----------
    pseudo_labels
        The labels.csv of the motion model of the split: video, start, length, label.
    stop_when_hopeless
        Fail if one pseudo-label has half of the source, before anything is learned.
    """
    table = read_index(index)
    labels = read_pseudo_labels(pseudo_labels)
    sizes = np.bincount(labels["label"])
    if stop_when_hopeless:
        judge_pseudo_labels("the pseudo-labels", sizes).log(stop_when_hopeless)
    store = ClipStore(frames, table["shard"], Modality.FRAMES)
    rows, videos = with_pseudo_labels(table, labels)
    rows = rows_with_clips(rows, store, recipe.network.clip_length)
    names = [str(k) for k in range(int(labels["label"].max()) + 1)]
    network = starting_network(
        recipe.network, Modality.FRAMES, len(names), seed=recipe.training.seed
    )
    learned = Learned.PSEUDO_LABELS
    history, licence = origin(recipe.network)
    history.append(lesson(f"{len(names)} {learned}", len(rows), index, split))
    about = describe(
        recipe.network, recipe.training, store, names, learned, split, recipe, history, licence
    )
    objective = ClipLosses(network, Modality.FRAMES, recipe.training, len(names))

    def judge(accuracy: float) -> None:
        commonest = 1 / len(names) if recipe.training.balanced else commonest_share(labels)
        clips = len(videos) * recipe.training.clips_per_video
        judge_self_training("The appearance model", accuracy, commonest, clips).log()

    stores = (store, None)
    train_and_save(
        __name__, objective, about, rows, videos, stores, recipe.training, compute, output, judge
    )
