"""Fine-tunes a model on the labels of a target."""

from pathlib import Path

import pandas as pd

from motionfit.config import ALL_LABELS, FineTuning, LabelledPart, Network
from motionfit.datasets.index import classes, labelled_train, read_index
from motionfit.models import Learned, build_network, load_model
from motionfit.options import (
    ONE_DEVICE,
    ClipLength,
    ClipsFolder,
    FlowFolder,
    HardwareOptions,
    IndexFile,
    JsonLabelledPart,
    JsonRecipe,
    ModelFile,
    Output,
    Split,
)
from motionfit.store.clips import ClipStore, rows_with_clips
from motionfit.store.frame_rates import warn_of_rates
from motionfit.training.compute import Compute
from motionfit.training.labels import with_labels
from motionfit.training.objective import ClipLosses, Mars
from motionfit.training.run import describe, load_teacher, train_and_save


def fine_tuning(
    *,
    recipe: JsonRecipe[FineTuning],
    clip_length: ClipLength,
    labelled_part: JsonLabelledPart = ALL_LABELS,
    model: ModelFile,
    index: IndexFile,
    split: Split,
    clips_folder: ClipsFolder,
    teacher: Path | None = None,
    flow: FlowFolder | None = None,
    hardware: HardwareOptions = ONE_DEVICE,
    output: Output,
) -> None:
    """Train a model on the labels of a target.

    Parameters
    ----------
    teacher
        model.pt of the motion model that MARS learns from, which reads `flow`.
    """
    compute = Compute(**vars(hardware))
    fine_tune(
        recipe,
        clip_length,
        labelled_part,
        model,
        read_index(index),
        split,
        clips_folder,
        compute,
        output,
        teacher,
        flow,
    )


def fine_tune(
    recipe: FineTuning,
    clip_length: int,
    labels: LabelledPart,
    model: Path,
    index: pd.DataFrame,
    split: int,
    clips: Path,
    compute: Compute,
    output: Path,
    teacher: Path | None = None,
    flow: Path | None = None,
) -> None:
    """Trains a model with a new classifier on the labelled training videos of a split.

    `labels`: the part of the labels that is used. `clips`: folder of the shards that the model
    reads, of frames or flow. `teacher`, `flow`: the motion model that MARS learns from, and the
    folder of its shards; needed only if the recipe has `mars`.
    """
    network, about = load_model(model)
    store = ClipStore(clips, index["shard"], about.modality)
    names = classes(index)
    rows = labelled_train(index, split, labels)
    rows = rows_with_clips(rows, store, clip_length)
    warn_of_rates("the target", store.rate, about.rate)
    network.fc = build_network(about.backbone, about.modality, len(names), seed=recipe.seed).fc
    shape = Network(backbone=about.backbone, clip_length=clip_length)
    about = describe(shape, recipe, store, names, Learned.LABELS, split, recipe.to_json())
    trainable = network.last_layers() if recipe.layers == "last" else None
    teacher_clips = None
    if recipe.mars:
        teacher_network, teacher_clips = load_teacher(teacher, network, flow, index)
        objective = Mars(network, recipe, len(names), teacher_network, recipe.mars.weight)
    else:
        objective = ClipLosses(network, store.modality, recipe, len(names))
    train_and_save(
        objective,
        about,
        rows,
        with_labels(rows, store, names),
        (store, teacher_clips),
        recipe,
        compute,
        output,
        trainable,
        recipe.freeze_bn,
    )
