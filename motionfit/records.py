"""The record beside each result: what it was made from, by the job that made it.

A result FILE has a record FILE.made_from.json. It says whether FILE is that of a config, whatever
the date of FILE is and wherever it was copied to, as long as the record was copied with it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionfit.files import write_json

if TYPE_CHECKING:
    from motionfit.graph import Artefact

SUFFIX = ".made_from.json"


class State(Enum):
    """What a result and its record show."""

    CURRENT = "it is what the config describes"
    MISSING = "there is no result"
    UNFINISHED = "the job that makes it was interrupted"
    OTHER = "what it was made from changed"
    UNKNOWN = "it has no record"


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
    def of(cls, artefact: "Artefact") -> "Record":
        return cls(
            artefact.path,
            artefact.fingerprint,
            artefact.options,
            artefact.code_version,
            artefact.fingerprints,
        )

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


def state_of(artefact: "Artefact") -> State:
    """Whether the result of an artefact is there, and is what the artefact describes."""
    record = read_record(artefact.path)
    # Snakemake deletes a result before its job starts, so an interrupted job may leave none.
    if record and record.get("unfinished"):
        return State.UNFINISHED
    if not Path(artefact.path).exists():
        return State.MISSING
    if record is None:
        return State.UNKNOWN
    return State.CURRENT if record.get("fingerprint") == artefact.fingerprint else State.OTHER


OUTSIDE = ("config", "videos", "annotations", "weights")
"""Inputs that no job of the run makes."""


def differences(artefact: "Artefact") -> list[str]:
    """How an artefact differs from the result that is there, by itself: the keys of its options
    that changed, its code, its files from outside. Empty if only what it is made from changed."""
    record = read_record(artefact.path) or {}
    found = changed_keys("", record.get("options"), json.loads(json.dumps(artefact.options)))
    found = [text.removeprefix("recipe.") for text in found]
    if record.get("code") != artefact.code_version:
        found.append("its code changed")
    before = record.get("inputs") or {}
    return found + [
        f"its {name} changed"
        for name, fingerprint in artefact.fingerprints.items()
        if name in OUTSIDE and fingerprint != before.get(name)
    ]


def changed_keys(key: str, before: Any, now: Any) -> list[str]:
    """Each key of a recipe that changed, with both values, shortened where they are long."""
    if isinstance(before, dict) and isinstance(now, dict):
        below = dict.fromkeys([*before, *now])
        return [
            text
            for name in below
            for text in changed_keys(f"{key}.{name}".strip("."), before.get(name), now.get(name))
        ]
    if before == now:
        return []
    values = [json.dumps(value, ensure_ascii=False) for value in (before, now)]
    if max(map(len, values)) > 60:
        return [f"{key} changed"]
    return [f"{key} was {values[0]}, and is {values[1]}"]
