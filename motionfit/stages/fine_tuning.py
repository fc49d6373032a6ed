"""Fine-tunes a model on the labels of a target."""

from pathlib import Path
from typing import Annotated

from motionfit import options
from motionfit.config import ALL_LABELS, FineTuning, Network
from motionfit.datasets.copies import without_copies
from motionfit.datasets.index import classes, labelled_train, read_index
from motionfit.errors import MotionFitError
from motionfit.models import Learned, build_network, load_model
from motionfit.store.clips import ClipStore, rows_with_clips
from motionfit.store.frame_rates import warn_of_rates
from motionfit.training.compute import ALL_CORES, Compute
from motionfit.training.labels import with_labels
from motionfit.training.objective import ClipLosses, Mars
from motionfit.training.run import describe, lesson, load_teacher, train_and_save


def fine_tuning(
    *,
    recipe: options.JsonRecipe[FineTuning],
    clip_length: options.ClipLength,
    labelled_part: options.JsonLabelledPart = ALL_LABELS,
    model: Path,
    index: options.IndexFile,
    split: options.Split,
    clips_folder: options.ClipsFolder,
    duplicates: options.DuplicatesFiles | None = None,
    teacher: Path | None = None,
    flow: options.FlowFolder | None = None,
    compute: Annotated[Compute, options.EachField] = ALL_CORES,
    output: options.Output,
) -> None:
    """Train a model on the labels of a target.

    It gets a new classifier.

    Parameters
    ----------
    model
        The model.pt to start from.
    teacher
        model.pt of the motion model that MARS learns from, which reads `flow`. Needed if the recipe
        has `mars`.
    """
    if bool(recipe.mars) != bool(teacher and flow):
        raise MotionFitError(
            "--teacher and --flow are needed if the recipe has mars, and have no use otherwise"
        )
    table = read_index(index)
    network, about = load_model(model)
    store = ClipStore(clips_folder, table["shard"], about.modality)
    names = classes(table)
    rows = without_copies(labelled_train(table, split, labelled_part), duplicates or [], split)
    rows = rows_with_clips(rows, store, clip_length)
    warn_of_rates("the target", store.rate, about.rate)
    network.fc = build_network(about.backbone, about.modality, len(names), seed=recipe.seed).fc
    shape = Network(backbone=about.backbone, clip_length=clip_length)
    learned = Learned.LABELS
    history = about.history or ["weights of a model without a history"]
    history = [*history, lesson(str(learned), len(rows), index, split, labelled_part)]
    about = describe(shape, recipe, store, names, learned, split, recipe, history, about.licence)
    teacher_clips = None
    if recipe.mars:
        teacher_network, teacher_clips = load_teacher(teacher, network, flow, table)
        objective = Mars(network, recipe, len(names), teacher_network, recipe.mars.weight)
    else:
        objective = ClipLosses(network, store.modality, recipe, len(names))
    if recipe.layers == "last":
        objective.freeze_others(network.last_layers(), recipe.freeze_bn)
    videos, stores = with_labels(rows, store, names), (store, teacher_clips)
    train_and_save(__name__, objective, about, rows, videos, stores, recipe, compute, output)
