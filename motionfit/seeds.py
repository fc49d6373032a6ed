"""Adds the copies of artefacts to a config that its tables of several seeds need."""

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
"""Keys of a recipe, at any depth, that name an artefact, mapped to the sections that may contain
it. These artefacts depend on a seed, so they have a copy for each seed. Data sets and flow do
not."""
SEEDS = ("seed", "label_seed")
STEP = 1000
"""Difference between the seeds of one copy and the next."""
END = 2**32
"""Upper bound of seeds. A seed that reaches it wraps around to 0."""

Copies = dict[str, dict[str, Recipe]]
"""Sections mapped to names mapped to recipes."""


def with_seeds(config: Config) -> Config:
    """The config with the copies that its tables of several seeds need.

    A table with N > 1 `seeds` needs, for each k from 1 to N-1, copies of the evaluations that it
    shows and of all artefacts behind them that depend on a seed. The copy of NAME is called
    `NAME.seedK`, and each of its seeds is raised by 1000 k.

    Raises MotionFitError if the config already uses the name of a copy.
    """
    copies: Copies = defaultdict(dict)
    for table in config.tables.values():
        for name, _ in sorted(table.measurements):
            for seed in range(1, table.seeds):
                _add_copy(config, copies, "evaluations", name, seed)
    _check_names(config, copies)
    sections = {section: getattr(config, section) | copied for section, copied in copies.items()}
    return config.model_copy(update=sections)


def _add_copy(config: Config, copies: Copies, section: str, name: str, seed: int) -> None:
    """Adds the copy of an artefact, and the copies that it is made from, unless it exists."""
    copy = seed_name(name, seed)
    if copy not in copies[section]:
        recipe = getattr(config, section)[name]
        values = _with_seed(config, copies, recipe.model_dump(mode="json"), seed)
        copies[section][copy] = parse_recipe(type(recipe), json.dumps(values))


def _with_seed(config: Config, copies: Copies, part: Any, seed: int) -> Any:
    """The values of a recipe, or of a part of it, with raised seeds and references to copies."""
    if not isinstance(part, dict):
        return part
    return {key: _value_with_seed(config, copies, key, value, seed) for key, value in part.items()}


def _value_with_seed(config: Config, copies: Copies, key: str, value: Any, seed: int) -> Any:
    if key in SEEDS:
        return (value + STEP * seed) % END
    if key in REFERENCES and value is not None:
        section = next(s for s in REFERENCES[key] if value in getattr(config, s))
        _add_copy(config, copies, section, value, seed)
        return seed_name(value, seed)
    return _with_seed(config, copies, value, seed)


def _check_names(config: Config, copies: Copies) -> None:
    for section, copied in copies.items():
        # Motion and appearance models share one folder.
        known = config.models if section.endswith("models") else getattr(config, section)
        for name in copied:
            if name in known:
                raise MotionFitError(
                    f"{section}.{name}: a table of several seeds uses this name for a copy: choose "
                    "another name"
                )
