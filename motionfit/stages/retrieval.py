"""Retrieval of training videos by the test videos of a split."""

from motionfit.datasets.index import read_index
from motionfit.evaluation.retrieval import retrieve
from motionfit.options import (
    CORES,
    ClipLength,
    ClipsFolder,
    ClipsPerVideo,
    Count,
    IndexFile,
    ModelFile,
    Output,
    Split,
    Threads,
)


def retrieval(
    *,
    model: ModelFile,
    index: IndexFile,
    split: Split,
    clips_folder: ClipsFolder,
    clip_length: ClipLength,
    clips: ClipsPerVideo = 10,
    recall_at: list[Count] = (1, 5, 20),
    threads: Threads = CORES,
    output: Output,
) -> None:
    """Measure the recall at k of test videos among training videos. The nearest videos are written
    to neighbours.csv.

    Parameters
    ----------
    recall_at
        Each k: how many of the nearest clips are looked at.
    """
    retrieve(
        model,
        read_index(index),
        split,
        clips_folder,
        clip_length,
        clips,
        list(recall_at),
        threads,
        output,
        output.with_name("neighbours.csv"),
    )
