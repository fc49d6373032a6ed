"""Recognition of the test videos of a split."""

from motionfit.datasets.index import read_index
from motionfit.evaluation.recognition import recognise
from motionfit.options import (
    CORES,
    ClipLength,
    ClipsFolder,
    ClipsPerVideo,
    IndexFile,
    ModelFile,
    Output,
    Split,
    Threads,
)


def recognition(
    *,
    model: ModelFile,
    index: IndexFile,
    split: Split,
    clips_folder: ClipsFolder,
    clip_length: ClipLength,
    clips: ClipsPerVideo = 10,
    threads: Threads = CORES,
    output: Output,
) -> None:
    """Classify the test videos of a split. Their probabilities are written to predictions.csv."""
    recognise(
        model,
        read_index(index),
        split,
        clips_folder,
        clip_length,
        clips,
        threads,
        output,
        output.with_name("predictions.csv"),
    )
