"""The kinds of evaluated models, by what they have learned from, and their names in the report."""

from dataclasses import dataclass

from motionfit.config import TEACHING, Config, Evaluation

SELF_TRAINED, APPEARANCE_TAUGHT, MARS = "self-trained", "appearance-taught", "mars"
PRE_TRAINED, RANDOM, MOTION, RGB_MOTION = "pre-trained", "random", "motion", "rgb-motion"
STILL = "still"


@dataclass(frozen=True)
class Kind:
    """The names of a kind of models in the report."""

    headline: str
    """Below a headline, and beside the videos that retrieval finds."""
    row: str
    """In the table of results."""
    box: str = ""
    """In the graph of artefacts. Empty for kinds that are not a kind of appearance model there."""


KINDS = {
    SELF_TRAINED: Kind(
        "RGB, self-trained on motion", "RGB network self-trained on motion", "self-trained"
    ),
    APPEARANCE_TAUGHT: Kind(
        "RGB, self-trained on appearance", "RGB network self-trained on appearance", "self-trained"
    ),
    **{
        method.key: Kind(
            f"RGB, taught by {method.title}",
            f"RGB network taught by {method.title}",
            f"by {method.title}",
        )
        for method in TEACHING
    },
    MARS: Kind("RGB, taught by MARS", "RGB network taught by MARS"),
    PRE_TRAINED: Kind(
        "RGB, pre-trained weights", "RGB network with pre-trained weights", "pre-trained weights"
    ),
    RANDOM: Kind("RGB, random weights", "RGB network with random weights", "random weights"),
    STILL: Kind("RGB, one still frame", "RGB network of one still frame, random weights"),
    MOTION: Kind("flow, motion model", "motion model on flow"),
    RGB_MOTION: Kind(
        "RGB, appearance pseudo-label generator", "appearance pseudo-label generator on RGB"
    ),
}
"""All kinds, in the order of the report."""


def kind_of(config: Config, evaluation: Evaluation) -> str:
    """The kind of the evaluated model; MARS if MARS fine-tunes a model of random or pre-trained
    weights; and STILL if a model of random weights sees clips of one frame."""
    kind = kind_of_model(config, evaluation.model)
    if evaluation.fine_tuning and evaluation.fine_tuning.mars and kind in (PRE_TRAINED, RANDOM):
        return MARS
    return STILL if kind == RANDOM and evaluation.clip_length == 1 else kind


def kind_of_model(config: Config, model: str) -> str:
    if model in config.motion_models:
        return MOTION if config.flow_of(model) else RGB_MOTION
    recipe = config.appearance_models[model]
    if recipe.teaching:
        return recipe.teaching.key
    if recipe.pseudo_labels:
        labels = config.pseudo_labels[recipe.pseudo_labels]
        return SELF_TRAINED if config.flow_of(labels.motion_model) else APPEARANCE_TAUGHT
    return PRE_TRAINED if recipe.network.weights else RANDOM
