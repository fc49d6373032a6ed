"""Chooses the videos of a source that are clustered."""

import logging

import pandas as pd

from motionfit.config import LabelledPart, PseudoLabels
from motionfit.datasets.files import few, nfc
from motionfit.datasets.index import labelled_train, source_videos
from motionfit.errors import MotionFitError

log = logging.getLogger(__name__)


def chosen_videos(
    recipe: PseudoLabels, index: pd.DataFrame, split: int, labelled: LabelledPart
) -> pd.DataFrame:
    """The index rows of the source's videos that are clustered.

    `labelled`: the part of the labels that the motion model learned from; the recipe may leave its
    videos out. Raises MotionFitError if the source has none of `exclude_classes`, or if no video is
    left.
    """
    rows = source_videos(index, split, "all" if recipe.videos == "all" else "train")
    if recipe.videos == "unlabelled":
        used = labelled_train(index, split, labelled)
        rows = rows[~rows["video"].isin(used["video"])]
    if recipe.exclude_classes:
        excluded = {nfc(name) for name in recipe.exclude_classes}
        unknown = sorted(excluded - set(index["label"]))
        if len(unknown) == len(excluded):
            raise MotionFitError(
                f"exclude_classes: the source has none of the classes, such as {few(unknown)}: "
                "write each as the source's annotations do"
            )
        if unknown:
            log.warning("exclude_classes: the source has no class named %s", few(unknown, 10))
        rows = rows[~rows["label"].isin(excluded)]
    if rows.empty:
        raise MotionFitError(
            "no video of the source is left to cluster: check videos and exclude_classes"
        )
    return rows
