"""The record beside each result: what it was made from, by the job that made it.

A result FILE has a record FILE.made_from.json. It says whether FILE is that of a config, whatever
the date of FILE is and wherever it was copied to, as long as the record was copied with it.
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
    """What a job is told to note. It travels as JSON from the workflow to the job."""

    result: str
    """The first file that the job writes."""
    fingerprint: str
    options: Mapping[str, Any]
    code: str
    inputs: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> "Record":
        """Raises ValueError where the text is no record."""
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
        """Notes that a job makes the result. If the job is killed, the result does not pass for
        that of the record before."""
        write_json(self.path, {"unfinished": True})

    def finish(self) -> None:
        """Notes what the result was made from."""
        write_json(self.path, vars(self))


def record_path(result: str) -> Path:
    return Path(result + SUFFIX)


def read_record(result: str) -> dict[str, Any] | None:
    """The record of a result; None where it has none that can be read."""
    try:
        record = json.loads(record_path(result).read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def is_unfinished(result: str) -> bool:
    """Whether the job that makes a result began and did not end."""
    return bool((read_record(result) or {}).get("unfinished"))
