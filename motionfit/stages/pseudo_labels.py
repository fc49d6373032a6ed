"""Pseudo-labels: clusters of motion features."""

from pathlib import Path

from motionfit.config import ALL_LABELS, PseudoLabels
from motionfit.datasets.index import read_index
from motionfit.options import (
    CORES,
    Count,
    IndexFile,
    JsonLabelledPart,
    JsonRecipe,
    Output,
    Split,
    Threads,
)
from motionfit.pseudo_labels.make import make_pseudo_labels


def pseudo_labels(
    *,
    recipe: JsonRecipe[PseudoLabels],
    index: IndexFile,
    split: Split,
    labelled_part: JsonLabelledPart = ALL_LABELS,
    features: Path,
    shard_count: Count,
    threads: Threads = CORES,
    output: Output,
) -> None:
    """Cluster motion features to pseudo-labels.

    Parameters
    ----------
    features
        Folder of the files of features.
    shard_count
        Number of shards that the source is cut into.
    """
    make_pseudo_labels(
        recipe,
        read_index(index),
        split,
        labelled_part,
        features,
        shard_count,
        threads,
        output.parent,
    )
