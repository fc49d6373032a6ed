"""The base class of all recipes."""

import json

from pydantic import BaseModel, ConfigDict


class Recipe(BaseModel):
    """A part of the config: immutable, and an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,  # YAML reads a group or class such as 12 as a number
    )

    def to_json(self) -> str:
        """The recipe as one line of JSON, with all defaults and sorted keys, so that equal recipes
        give equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
