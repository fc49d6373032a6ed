"""Trains a motion model, the paper's motion pseudo-label generator."""

from typing import Annotated

from motionfit import options
from motionfit.config import ALL_LABELS, MotionModel
from motionfit.datasets.copies import without_copies
from motionfit.datasets.index import classes, labelled_train, read_index
from motionfit.modality import Modality
from motionfit.models import Learned, origin, starting_network
from motionfit.store.clips import ClipStore, rows_with_clips
from motionfit.training.compute import ALL_CORES, Compute
from motionfit.training.labels import with_labels
from motionfit.training.objective import ClipLosses
from motionfit.training.run import describe, lesson, train_and_save


def motion_model(
    *,
    recipe: options.JsonRecipe[MotionModel],
    labelled_part: options.JsonLabelledPart = ALL_LABELS,
    index: options.IndexFile,
    split: options.Split,
    clips_folder: options.ClipsFolder,
    duplicates: options.DuplicatesFiles | None = None,
    compute: Annotated[Compute, options.EachField] = ALL_CORES,
    output: options.Output,
) -> None:
    """Train a motion model on labelled flow, or frames.

    It learns from the labelled training videos of a split: from their flow or, if the recipe has no
    flow, from their frames. It starts from random weights, or from the recipe's weight file.
    """
    table = read_index(index)
    modality = Modality.FRAMES if recipe.flow is None else Modality.FLOW
    store = ClipStore(clips_folder, table["shard"], modality)
    names = classes(table)
    rows = without_copies(labelled_train(table, split, labelled_part), duplicates or [], split)
    rows = rows_with_clips(rows, store, recipe.network.clip_length)
    network = starting_network(recipe.network, modality, len(names), seed=recipe.training.seed)
    learned = Learned.LABELS if recipe.training.multi_clip_weight else Learned.CLIP_ORDER
    what = f"{learned} of the {modality}" if modality == Modality.FLOW else str(learned)
    history, licence = origin(recipe.network)
    history.append(lesson(what, len(rows), index, split, labelled_part))
    about = describe(
        recipe.network, recipe.training, store, names, learned, split, recipe, history, licence
    )
    objective = ClipLosses(network, modality, recipe.training, len(names))
    videos = with_labels(rows, store, names)
    train_and_save(
        __name__, objective, about, rows, videos, (store, None), recipe.training, compute, output
    )
