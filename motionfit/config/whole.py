"""The whole config: recipes laid over their defaults, and checked."""

from typing import Any

from pydantic import model_validator

from motionfit.config.artefacts import Artefacts
from motionfit.config.checks import CHECKS
from motionfit.config.defaults import with_defaults


class Config(Artefacts):
    """A whole run: a graph of named artefacts. Names become folders below `results/`."""

    @model_validator(mode="before")
    @classmethod
    def _lay_over_defaults(cls, values: Any) -> Any:
        return with_defaults(values)

    @model_validator(mode="after")
    def _check(self) -> "Config":
        for check in CHECKS:
            check(self)
        return self
