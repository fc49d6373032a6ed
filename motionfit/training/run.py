"""What the three trainings of the pipeline share."""

import logging
from pathlib import Path

import pandas as pd
from torch import nn

from motionfit.config import Network, Training
from motionfit.models import SavedModel, save_model
from motionfit.models.backbones import R2Plus1D
from motionfit.store.clips import ClipStore
from motionfit.training.data import LabelledVideo
from motionfit.training.labels import identity, training_and_validation
from motionfit.training.loop import finish, train

log = logging.getLogger(__name__)


def describe(
    network: Network, training: Training, store: ClipStore, names: list[str], recipe: str
) -> SavedModel:
    return SavedModel(
        backbone=network.backbone,
        modality=store.modality,
        classes=names,
        clip_length=network.clip_length,
        frame_size=store.recipe["size"],
        crop=training.crop,
        fps=store.recipe["fps"],
        recipe=recipe,
    )


def run(
    network: R2Plus1D,
    about: SavedModel,
    rows: pd.DataFrame,
    videos: list[LabelledVideo],
    store: ClipStore,
    recipe: Training,
    threads: int,
    output: Path,
    trainable: list[nn.Module] | None = None,
    freeze_bn: bool = False,
) -> None:
    """Trains the network and saves it as `output`, with its history beside it."""
    learned, watched = training_and_validation(rows, videos, store, about.clip_length, recipe)
    log.info("%s on %s, %d classes", about.backbone, about.modality, len(about.classes))
    folder = output.parent
    whole = identity(about.recipe, store, videos, network)
    train(network, about.modality, learned, watched, recipe, whole, folder, threads, trainable,
          freeze_bn)  # fmt: skip
    save_model(network, about, output)
    finish(folder)
