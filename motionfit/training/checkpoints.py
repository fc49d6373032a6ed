"""Checkpoints: what a killed training goes on from."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import torch

from motionfit.errors import MotionFitError
from motionfit.files import remove_left_behind, replacing, write_json
from motionfit.models.weights import load_weights_file

log = logging.getLogger(__name__)

KEPT = 2
SHOWN = 5
"""Differences between two trainings that are named."""

Identity = dict[str, Any]
"""Everything that a training depends on, as JSON values."""


class Checkpoints:
    """The checkpoints of one training, below a folder that no rule of the workflow declares, so
    that they outlive a failed job. Those of another recipe, code or data have another folder there:
    they are not gone on from, and are there again when what they depend on is."""

    def __init__(self, folder: Path, identity: Identity):
        text = json.dumps(identity, sort_keys=True, default=str)
        self._identity = json.loads(text)
        self._all = folder
        digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
        self._folder = folder / digest[:16]

    def save(self, state: dict[str, Any]) -> None:
        """Keeps a state, with the `epoch` that it is in and the `step` that comes next, and the one
        before. Raises MotionFitError where it can't be written; those before it are whole."""
        path = self._folder / f"epoch_{state['epoch']:04d}_step_{state['step']:08d}.pt"
        try:
            if not self._about.exists():
                write_json(self._about, self._identity)
            with replacing(path) as temporary, temporary.open("wb") as file:
                torch.save(state, file)
        except (OSError, RuntimeError) as error:  # PyTorch tells of a full disk by the second
            raise MotionFitError(
                f"the checkpoint {path} can't be written ({str(error).splitlines()[0]}): make room "
                "and run again to go on from the one before"
            ) from None
        for old in self._written()[KEPT:]:
            old.unlink(missing_ok=True)
        remove_left_behind(self._folder, "epoch_*.pt")

    def latest(self) -> dict[str, Any] | None:
        """The newest whole checkpoint of this very training; None where there is none. Raises
        OSError where the system can't read it."""
        for path in self._written():
            try:
                return load_weights_file(path)
            except OSError:  # the file may well be whole
                raise
            except Exception as error:
                log.warning("%s is not whole and is passed over (%s)", path, error)
                path.rename(path.with_suffix(".broken"))  # and does not count among those kept
        for about in sorted(self._all.glob("*/identity.json")):
            log.warning(
                "the checkpoints in %s are of another training and are not used; different are %s",
                about.parent,
                differences(self._identity, json.loads(about.read_text())),
            )
        return None

    @property
    def _about(self) -> Path:
        return self._folder / "identity.json"

    def _written(self) -> list[Path]:
        """The newest first."""
        return sorted(self._folder.glob("epoch_*.pt"), reverse=True)


def differences(here: Identity, there: Identity) -> str:
    """The keys that differ, with their values where these are short."""
    ours, theirs = flat(here), flat(there)
    found = []
    for key in sorted(ours.keys() | theirs.keys()):
        values = [json.dumps(side.get(key)) for side in (ours, theirs)]
        if values[0] != values[1]:
            short = max(map(len, values)) <= 40
            found.append(f"{key} ({values[0]} here, {values[1]} there)" if short else key)
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more


def flat(values: Identity, above: str = "") -> dict[str, Any]:
    """Nested keys joined by dots."""
    result = {}
    for key, value in values.items():
        inner = isinstance(value, dict) and value
        result |= flat(value, f"{above}{key}.") if inner else {f"{above}{key}": value}
    return result
