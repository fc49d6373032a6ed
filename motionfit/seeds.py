"""Adds the copies of artefacts to a config that several seeds need."""

from collections import defaultdict
from typing import TypeVar

from motionfit.config import Config, Recipe, named_sections, seed_name
from motionfit.errors import MotionFitError

WITHOUT_SEEDS = ("datasets", "flow")
"""Sections whose artefacts are the same for every seed, and have no copies."""
SEEDS = ("seed", "label_seed")
STEP = 1000
"""Difference between the seeds of one copy and the next."""
END = 2**32
"""Upper bound of seeds. A seed that reaches it wraps around to 0."""

Copies = dict[str, dict[str, Recipe]]
"""Sections mapped to names mapped to recipes."""
R = TypeVar("R", bound=Recipe)


def with_seeds(config: Config) -> Config:
    """The config with the copies that several seeds need.

    With N > 1 `seeds`, a config needs, for each k from 1 to N-1, copies of its evaluations and of
    all artefacts behind them that depend on a seed. A table with N > 1 `seeds` needs copies of the
    evaluations that it shows. The copy of NAME is called `NAME.seedK`, and each of its seeds is
    raised by 1000 k.

    Raises MotionFitError if the config already uses the name of a copy.
    """
    copies: Copies = defaultdict(dict)
    for name in config.evaluations:
        for seed in range(1, config.seeds):
            _add_copy(config, copies, "evaluations", name, seed)
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
        copies[section][copy] = _with_seed(config, copies, getattr(config, section)[name], seed)


def _with_seed(config: Config, copies: Copies, recipe: R, seed: int) -> R:
    """A recipe with raised seeds and references to copies."""
    changed = {}
    for field, value in recipe:
        if field in SEEDS:
            changed[field] = (value + STEP * seed) % END
        elif isinstance(value, Recipe):
            changed[field] = _with_seed(config, copies, value, seed)
        elif value is not None:
            sections = [s for s in named_sections(recipe, field) if value in getattr(config, s)]
            if sections and sections[0] not in WITHOUT_SEEDS:
                _add_copy(config, copies, sections[0], value, seed)
                changed[field] = seed_name(value, seed)
    return recipe.model_copy(update=changed)


def _check_names(config: Config, copies: Copies) -> None:
    for section, copied in copies.items():
        # Motion and appearance models share one folder.
        known = config.models if section.endswith("models") else getattr(config, section)
        for name in copied:
            if name in known:
                raise MotionFitError(
                    f"{section}.{name}: this is the name of a copy for another seed: choose "
                    "another name"
                )
