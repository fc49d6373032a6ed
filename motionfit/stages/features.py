"""Features of the densely sampled clips of some shards."""

from motionfit.config import Features
from motionfit.options import (
    CORES,
    ClipsFolder,
    JsonRecipe,
    ModelFile,
    Output,
    ShardNames,
    Threads,
)
from motionfit.pseudo_labels.features import store_features


def features(
    *,
    recipe: JsonRecipe[Features],
    model: ModelFile,
    clips_folder: ClipsFolder,
    shards: ShardNames,
    threads: Threads = CORES,
    output: Output,
) -> None:
    """Extract the features of the dense clips of some shards."""
    store_features(recipe, model, clips_folder, shards, threads, output)
