"""Whether a result on disk is what the config describes, by the record beside it."""

import json
from enum import Enum
from pathlib import Path
from typing import Any

from motionfit.graph.artefacts import Artefact
from motionfit.records import Record, read_record


class State(Enum):
    """What a result and its record show."""

    CURRENT = "it is what the config describes"
    MISSING = "there is no result"
    UNFINISHED = "the job that makes it was interrupted or still runs"
    CHANGED = "what it was made from changed"
    UNKNOWN = "it has no record"


def record_of(artefact: Artefact) -> Record:
    """What the job that makes an artefact notes beside it."""
    return Record(
        artefact.path,
        artefact.fingerprint,
        artefact.options,
        artefact.code_version,
        artefact.fingerprints,
    )


def state_of(artefact: Artefact) -> State:
    """Whether the result of an artefact is there, and is what the artefact describes."""
    record = read_record(artefact.path)
    # Snakemake deletes a result before its job starts, so an interrupted job may leave none.
    if record and record.get("unfinished"):
        return State.UNFINISHED
    if not Path(artefact.path).exists():
        return State.MISSING
    if record is None:
        return State.UNKNOWN
    return State.CURRENT if record.get("fingerprint") == artefact.fingerprint else State.CHANGED


OUTSIDE = ("config", "videos", "annotations", "weights")
"""Inputs that no job of the run makes."""


def differences(artefact: Artefact) -> list[str]:
    """How an artefact differs from the result that is there, by itself: the keys of its options
    that changed, its code, its files from outside. Empty if only what it is made from changed."""
    record = read_record(artefact.path) or {}
    if "options" not in record:
        return ["its record is that of another version of MotionFit"]
    found = changed_keys("", record["options"], json.loads(json.dumps(artefact.options)))
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
