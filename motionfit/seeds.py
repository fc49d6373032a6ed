"""A config with the copies that its tables of several seeds need."""

import json
from collections import defaultdict
from typing import Any

from motionfit.config import Config, Recipe, parse_recipe, seed_name
from motionfit.errors import MotionFitError

REFERENCES = {
    "model": ("motion_models", "appearance_models"),
    "motion_model": ("motion_models",),
    "pseudo_labels": ("pseudo_labels",),
    "labelled_part": ("labelled_parts",),
}
"""Key of a recipe, at any depth, to the sections in one of which the artefact is that it names.
What it names is drawn at random, so it has a copy for each seed; data sets and flow have none."""
SEEDS = ("seed", "label_seed")
STEP = 1000
"""How much each copy raises the seeds."""
END = 2**32
"""Seeds are below it; those that are raised beyond begin anew."""

Copies = dict[str, dict[str, Recipe]]
"""Section to name to recipe."""


def with_seeds(config: Config) -> Config:
    """The config with copies, for each table of N > 1 `seeds` and k = 1 to N-1, of the evaluations
    that the table shows and of all that they are made from by chance: of a NAME as `NAME.seedK`,
    with every seed raised by 1000 k.

    Raises MotionFitError where the config has a name of its own that a copy needs.
    """
    copies: Copies = defaultdict(dict)
    for table in config.tables.values():
        for name, _ in sorted(table.measurements):
            for seed in range(1, table.seeds):
                _add_copy(config, copies, "evaluations", name, seed)
    _check_names(config, copies)
    sections = {section: getattr(config, section) | made for section, made in copies.items()}
    return config.model_copy(update=sections)


def _add_copy(config: Config, copies: Copies, section: str, name: str, seed: int) -> None:
    """Adds the copy of an artefact, and of what it is made from, unless it is there already."""
    copy = seed_name(name, seed)
    if copy not in copies[section]:
        recipe = getattr(config, section)[name]
        values = _with_seed(config, copies, recipe.model_dump(mode="json"), seed)
        copies[section][copy] = parse_recipe(type(recipe), json.dumps(values))


def _with_seed(config: Config, copies: Copies, values: Any, seed: int) -> Any:
    """The values of a recipe, or of a part of one, with other seeds and references to copies."""
    if not isinstance(values, dict):
        return values
    return {key: _other(config, copies, key, value, seed) for key, value in values.items()}


def _other(config: Config, copies: Copies, key: str, value: Any, seed: int) -> Any:
    if key in SEEDS:
        return (value + STEP * seed) % END
    if key in REFERENCES and value is not None:
        section = next(s for s in REFERENCES[key] if value in getattr(config, s))
        _add_copy(config, copies, section, value, seed)
        return seed_name(value, seed)
    return _with_seed(config, copies, value, seed)


def _check_names(config: Config, copies: Copies) -> None:
    for section, made in copies.items():
        # Motion and appearance models share one folder.
        known = config.models if section.endswith("models") else getattr(config, section)
        for name in made:
            if name in known:
                raise MotionFitError(
                    f"{section}.{name}: a table of several seeds calls a copy by this name: choose "
                    "another for yours"
                )
