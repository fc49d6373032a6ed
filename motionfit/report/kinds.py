"""What an evaluated model is, by what it has learned from, and what the report calls it."""

from dataclasses import dataclass

from motionfit.config import Config, Evaluation

SELF_TRAINED, APPEARANCE_TAUGHT, MERS, MARS, PRE_TRAINED, RANDOM, MOTION, RGB_MOTION = (
    "self-trained",
    "appearance-taught",
    "mers",
    "mars",
    "pre-trained",
    "random",
    "motion",
    "rgb-motion",
)


@dataclass(frozen=True)
class Kind:
    """What a kind of models is called."""

    headline: str
    """Beside a figure."""
    row: str
    """In a row of the results."""
    box: str = ""
    """In the graph of the artefacts, of an appearance model."""


KINDS = {
    SELF_TRAINED: Kind(
        "RGB, self-trained on motion", "RGB network self-trained on motion", "self-trained"
    ),
    APPEARANCE_TAUGHT: Kind(
        "RGB, self-trained on appearance", "RGB network self-trained on appearance", "self-trained"
    ),
    MERS: Kind("RGB, taught by MERS", "RGB network taught by MERS", "by MERS"),
    MARS: Kind("RGB, taught by MARS", "RGB network taught by MARS"),
    PRE_TRAINED: Kind(
        "RGB, pre-trained weights", "RGB network of pre-trained weights", "pre-trained weights"
    ),
    RANDOM: Kind("RGB, random weights", "RGB network of random weights", "random weights"),
    MOTION: Kind("flow, motion model", "motion model on flow"),
    RGB_MOTION: Kind(
        "RGB, appearance pseudo-label generator", "appearance pseudo-label generator on RGB"
    ),
}
"""In the order in which they are shown."""


def kind_of(config: Config, evaluation: Evaluation) -> str:
    """That of the evaluated model; MARS where one that has learned nothing here is tuned by it."""
    kind = kind_of_model(config, evaluation.model)
    mars = evaluation.fine_tuning and evaluation.fine_tuning.mars
    return MARS if mars and kind in (PRE_TRAINED, RANDOM) else kind


def kind_of_model(config: Config, model: str) -> str:
    if model in config.motion_models:
        return MOTION if config.flow_of(model) else RGB_MOTION
    recipe = config.appearance_models[model]
    if recipe.mers:
        return MERS
    if recipe.pseudo_labels:
        labels = config.pseudo_labels[recipe.pseudo_labels]
        return SELF_TRAINED if config.flow_of(labels.motion_model) else APPEARANCE_TAUGHT
    return PRE_TRAINED if recipe.network.weights else RANDOM
