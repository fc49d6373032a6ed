"""Values laid over defaults."""

from typing import Any

from pydantic import Field

from motionfit.config.recipe import Recipe


def laid_over(base: Any, over: Any) -> Any:
    """`base` with the values of `over` in their place, key by key at every depth.

    Keys keep the order of `base`; new ones follow. Values that are not dicts replace each other.
    """
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    merged = {key: laid_over(base[key], over[key]) for key in base.keys() & over.keys()}
    return base | over | merged


class Defaults(Recipe):
    """What the recipes of a section share. Each recipe is laid over it, key by key; null in a
    recipe takes a shared value away."""

    motion_models: dict[str, Any] = Field(default={})
    """Keys of all motion models."""
    pseudo_labels: dict[str, Any] = Field(default={})
    """Keys of all pseudo-labels."""
    appearance_models: dict[str, Any] = Field(default={})
    """Keys of all appearance models."""
    evaluations: dict[str, Any] = Field(default={})
    """Keys of all evaluations."""


def with_defaults(values: Any) -> Any:
    """The values of a config with each recipe laid over the defaults of its section.

    Values of a wrong type stay as they are; validation reports them.
    """
    defaults = values.get("defaults") if isinstance(values, dict) else None
    if not isinstance(defaults, dict):
        return values
    laid = {
        section: {
            name: laid_over(defaults[section], recipe) for name, recipe in values[section].items()
        }
        for section in Defaults.model_fields
        if isinstance(defaults.get(section), dict) and isinstance(values.get(section), dict)
    }
    return values | laid
