"""The parts of recipes that artefacts depend on."""

from collections.abc import Collection
from typing import Any

from motionfit.config import AppearanceModel, Config, MotionModel, PseudoLabels, Recipe, Size

NOT_INDEXED = frozenset({"fps", "max_failed"})
"""Keys of a data set that its index does not depend on."""


def motion_model_unused(recipe: MotionModel) -> set[str]:
    """Keys that its training does not depend on: where, and for what, the model is used later."""
    unused = {"features", "motion_split", "labelled_part"}
    return unused | {"frame_size"} if recipe.flow else unused


def pseudo_labels_unused(recipe: PseudoLabels) -> set[str]:
    """Keys that its granularity does not use."""
    used = {"segment_percentile": {"percentile"}, "segment_equal": {"segments"}}
    return {"percentile", "segments"} - used.get(recipe.granularity, set())


def untrained(recipe: AppearanceModel) -> dict[str, Any]:
    """What random weights and their description depend on, which excludes the schedule."""
    training = recipe.training.model_dump(include={"seed", "crop"})
    return values_of(recipe.model_copy(update={"training": type(recipe.training)(**training)}))


def report_config(written: Config) -> str:
    """The whole config as JSON, in its own order, which is that of a table's rows. Left out are
    defaults, to be short enough for a command line, and what changes no result."""
    return written.model_dump_json(exclude={"resources", "base", "defaults"}, exclude_defaults=True)


def size_name(size: Size) -> str:
    """Name of the folder of frames of a height and width."""
    return f"{size[0]}x{size[1]}"


def size_of(name: str) -> Size:
    """Height and width of the frames in a folder of that name."""
    height, width = name.split("x")
    return int(height), int(width)


def values_of(recipe: Recipe, without: Collection[str] = ()) -> dict[str, Any]:
    """The values of a recipe, without some keys."""
    return recipe.model_dump(mode="json", exclude=set(without))
