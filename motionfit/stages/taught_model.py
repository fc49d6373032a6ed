"""Trains an RGB network that learns from the features of a motion model, such as by MERS."""

from pathlib import Path
from typing import Annotated

from motionfit import options
from motionfit.clips.sampling import whole_video
from motionfit.config import AppearanceModel
from motionfit.datasets.copies import without_copies
from motionfit.datasets.index import read_index, source_videos
from motionfit.modality import Modality
from motionfit.models import Learned, origin, starting_network
from motionfit.store.clips import ClipStore, rows_with_clips
from motionfit.training.compute import ALL_CORES, Compute
from motionfit.training.losses import NO_LABEL
from motionfit.training.objective import TAUGHT_BY
from motionfit.training.run import describe, lesson, load_teacher, train_and_save


def taught_model(
    *,
    recipe: options.JsonRecipe[AppearanceModel],
    index: options.IndexFile,
    split: options.Split,
    teacher: Path,
    frames: options.FramesFolder,
    flow: options.FlowFolder,
    duplicates: options.DuplicatesFiles | None = None,
    compute: Annotated[Compute, options.EachField] = ALL_CORES,
    output: options.Output,
) -> None:
    """Train an RGB network on the features of a motion model.

    From the frames of the source it predicts the features that the motion model computes from their
    flow. It starts from random weights, or from the recipe's weight file.

    Parameters
    ----------
    teacher
        model.pt of the motion model.
    """
    table = read_index(index)
    store = ClipStore(frames, table["shard"], Modality.FRAMES)
    rows = source_videos(table, split, recipe.teaching.videos)
    rows = without_copies(rows, duplicates or [], split)
    rows = rows_with_clips(rows, store, recipe.network.clip_length)
    network = starting_network(recipe.network, Modality.FRAMES, 1, seed=recipe.training.seed)
    teacher_network, teacher_clips = load_teacher(teacher, network, flow, table)
    learned = Learned.TEACHER_FEATURES
    history, licence = origin(recipe.network)
    history.append(lesson(str(learned), len(rows), index, split))
    about = describe(
        recipe.network, recipe.training, store, ["none"], learned, split, recipe, history, licence
    )
    teaching = recipe.teaching
    objective = TAUGHT_BY[type(teaching)](network, teacher_network, teaching)
    videos = [whole_video(video, store.length(video), NO_LABEL) for video in rows["video"]]
    stores = store, teacher_clips
    train_and_save(
        __name__, objective, about, rows, videos, stores, recipe.training, compute, output
    )
