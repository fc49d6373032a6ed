"""The whole config: recipes laid over their defaults, and checked."""

from typing import Any

from pydantic import model_validator

from motionfit.config.artefacts import Artefacts
from motionfit.config.checks import CHECKS
from motionfit.config.defaults import with_defaults


def with_splits_of_folds(values: Any) -> Any:
    """The values of a config, with all folds of the data set in evaluations that name no `splits`.

    Values of a wrong type stay as they are; validation reports them.
    """
    sections = values if isinstance(values, dict) else {}
    evaluations, datasets = sections.get("evaluations"), sections.get("datasets")
    if not isinstance(evaluations, dict) or not isinstance(datasets, dict):
        return values
    all_folds = {
        name: list(range(1, dataset["folds"] + 1))
        for name, dataset in datasets.items()
        if isinstance(dataset, dict) and isinstance(dataset.get("folds"), int)
    }
    completed = {
        name: {"splits": all_folds[recipe["dataset"]], **recipe}
        if isinstance(recipe, dict) and recipe.get("dataset") in all_folds
        else recipe
        for name, recipe in evaluations.items()
    }
    return values | {"evaluations": completed}


def with_seeds_of_tables(values: Any) -> Any:
    """The values of a config, with its `seeds` in tables that name none."""
    sections = values if isinstance(values, dict) else {}
    seeds, tables = sections.get("seeds"), sections.get("tables")
    if seeds is None or not isinstance(tables, dict):
        return values
    completed = {
        name: {"seeds": seeds, **recipe} if isinstance(recipe, dict) else recipe
        for name, recipe in tables.items()
    }
    return values | {"tables": completed}


class Config(Artefacts):
    """A whole run: a graph of named artefacts. Names become folders below `results/`."""

    @model_validator(mode="before")
    @classmethod
    def _lay_over_defaults(cls, values: Any) -> Any:
        return with_seeds_of_tables(with_splits_of_folds(with_defaults(values)))

    @model_validator(mode="after")
    def _check(self) -> "Config":
        for check in CHECKS:
            check(self)
        return self
