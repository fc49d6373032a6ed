"""Calls stages with tables in place of files."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from motionfit.datasets.index import write_index
from motionfit.stages.appearance_model import appearance_model
from motionfit.stages.fine_tuning import fine_tuning
from motionfit.stages.motion_model import motion_model
from motionfit.stages.pseudo_labels import pseudo_labels
from motionfit.stages.recognition import recognition
from motionfit.stages.retrieval import retrieval
from motionfit.stages.taught_model import taught_model


def train_motion_model(recipe, labels, index, split, clips, compute, output) -> None:
    with written(index) as index_file:
        motion_model(
            recipe=recipe,
            labelled_part=labels,
            index=index_file,
            split=split,
            clips_folder=clips,
            compute=compute,
            output=output,
        )


def train_appearance_model(recipe, index, split, labels, frames, compute, output) -> None:
    with written(index) as index_file:
        labels_file = index_file.with_name("labels.csv")
        labels.to_csv(labels_file, index=False)
        appearance_model(
            recipe=recipe,
            index=index_file,
            split=split,
            pseudo_labels=labels_file,
            frames=frames,
            compute=compute,
            output=output,
        )


def train_taught_model(recipe, index, split, teacher, frames, flow, compute, output) -> None:
    with written(index) as index_file:
        taught_model(
            recipe=recipe,
            index=index_file,
            split=split,
            teacher=teacher,
            frames=frames,
            flow=flow,
            compute=compute,
            output=output,
        )


def fine_tune(
    recipe, clip_length, labels, model, index, split, clips, compute, output, *mars
) -> None:
    """`mars`: the teacher and its flow, if MARS teaches the network."""
    with written(index) as index_file:
        fine_tuning(
            recipe=recipe,
            clip_length=clip_length,
            labelled_part=labels,
            model=model,
            index=index_file,
            split=split,
            clips_folder=clips,
            compute=compute,
            output=output,
            **dict(zip(("teacher", "flow"), mars, strict=False)),
        )


def make_pseudo_labels(recipe, index, split, labels, features, shards, threads, folder) -> None:
    with written(index) as index_file:
        pseudo_labels(
            recipe=recipe,
            index=index_file,
            split=split,
            labelled_part=labels,
            features=features,
            shard_count=shards,
            threads=threads,
            output=folder / "labels.csv",
        )


def recognise(model, index, split, frames, clip_length, clips, threads, output) -> None:
    with written(index) as index_file:
        recognition(
            model=model,
            index=index_file,
            split=split,
            clips_folder=frames,
            clip_length=clip_length,
            clips=clips,
            threads=threads,
            output=output,
        )


def retrieve(model, index, split, frames, clip_length, clips, recall_at, threads, output) -> None:
    with written(index) as index_file:
        retrieval(
            model=model,
            index=index_file,
            split=split,
            clips_folder=frames,
            clip_length=clip_length,
            clips=clips,
            recall_at=recall_at,
            threads=threads,
            output=output,
        )


@contextmanager
def written(index: pd.DataFrame) -> Iterator[Path]:
    """The file of an index, for as long as the block runs."""
    with tempfile.TemporaryDirectory() as folder:
        write_index(index, Path(folder) / "index.csv")
        yield Path(folder) / "index.csv"
