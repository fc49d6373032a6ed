"""References: fields of recipes that name other recipes."""

from collections.abc import Iterator
from typing import Any

from motionfit.config.recipe import Recipe

KINDS = {
    "datasets": "data set",
    "flow": "flow",
    "labelled_parts": "labelled part",
    "motion_models": "motion model",
    "pseudo_labels": "pseudo-labels",
    "appearance_models": "appearance model",
    "evaluations": "evaluation",
}
"""Section of the config to what its recipes describe, as messages call it."""


class Names:
    """Declares that a field names a recipe of a section of the config, or of one of several.

    The field holds one name, a dict whose values are names, or None:
    `flow: Annotated[str | None, Names("flow")]`.
    """

    def __init__(self, *sections: str) -> None:
        self.sections = sections


def named_sections(recipe: Recipe, field: str) -> tuple[str, ...]:
    """The sections in which a field of a recipe names a recipe; () for other fields."""
    for entry in type(recipe).model_fields[field].metadata:
        if isinstance(entry, Names):
            return entry.sections
    return ()


def references(value: Any, key: str = "") -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Key, name and sections of each reference in a recipe and the recipes within it."""
    if isinstance(value, Recipe):
        for field, within in value:
            here = f"{key}.{field}" if key else field
            if sections := named_sections(value, field):
                for place, name in _names(within, here):
                    yield place, name, sections
            else:
                yield from references(within, here)
    elif isinstance(value, dict):
        for name, recipe in value.items():
            yield from references(recipe, f"{key}.{name}")


def _names(value: str | dict[str, str] | None, key: str) -> list[tuple[str, str]]:
    """(key, name) of each name that a field holds."""
    if isinstance(value, dict):
        return [(f"{key}.{place}", name) for place, name in value.items()]
    return [] if value is None else [(key, value)]


def check_references(config: Recipe) -> None:
    """Checks that each name in the config is the name of a recipe in it.

    Raises ValueError with the key, the name and the names that exist.
    """
    for key, name, sections in references(config):
        known = [name for section in sections for name in getattr(config, section)]
        if name not in known:
            kind = " or ".join(KINDS[section] for section in sections)
            raise ValueError(
                f"{key}: there is no {kind} named {name!r} "
                f"(there are: {', '.join(sorted(known)) or 'none'})"
            )
