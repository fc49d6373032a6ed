"""The record beside each result, in which the job that made the result says what it was made from.

A result FILE has a record FILE.made_from.json. It shows whether FILE belongs to a config. The date
and the place of FILE do not matter, so a result may be copied together with its record.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motionfit.files import write_json

SUFFIX = ".made_from.json"


@dataclass(frozen=True)
class Record:
    """What a job saves about its result. The workflow passes it to the job as JSON."""

    result: str
    """The first file that the job writes."""
    fingerprint: str
    options: Mapping[str, Any]
    code: str
    inputs: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> "Record":
        """Raises ValueError if the text is not a record."""
        try:
            return cls(**json.loads(text))
        except TypeError as error:
            raise ValueError(str(error)) from None

    def to_json(self) -> str:
        return json.dumps(vars(self), ensure_ascii=False)

    @property
    def path(self) -> Path:
        return record_path(self.result)

    def begin(self) -> None:
        """Marks the result as unfinished, so that a killed job's result is not mistaken for the
        previous one."""
        write_json(self.path, {"unfinished": True})

    def finish(self) -> None:
        """Saves what the result was made from."""
        write_json(self.path, vars(self))


def record_path(result: str) -> Path:
    return Path(result + SUFFIX)


def read_record(result: str) -> dict[str, Any] | None:
    """The record of a result. None if there is no readable record."""
    try:
        record = json.loads(record_path(result).read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def is_unfinished(result: str) -> bool:
    """Whether the job that makes a result started but did not finish."""
    return bool((read_record(result) or {}).get("unfinished"))
