"""Checkpoints, from which an interrupted training continues."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from motionfit.errors import MotionFitError
from motionfit.files import remove_left_behind, replacing, write_json
from motionfit.models.saved import load_weights_file

log = logging.getLogger(__name__)

KEPT = 2
"""Number of checkpoints that are kept."""
DIFFERENCES_SHOWN = 5
"""Number of differences between two trainings that the log names."""

Identity = dict[str, Any]
"""Everything that a training depends on, as JSON values."""


class Checkpoints:
    """The checkpoints of one training.

    They are below a folder that no rule of the workflow declares, so that they survive a failed
    job. Every identity (recipe, code, data) has its own subfolder. After a change of the recipe,
    the old checkpoints are not used; if the change is undone, they are used again.
    """

    def __init__(self, folder: Path, identity: Identity):
        text = json.dumps(identity, sort_keys=True, default=str)
        self._identity = json.loads(text)
        self._parent = folder
        digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
        self._folder = folder / digest[:16]
        self._identity_file = self._folder / "identity.json"

    def save(self, state: dict[str, Any]) -> None:
        """Writes a state, which contains the current `epoch` and the next `step`, and removes all
        older checkpoints but the last. Raises MotionFitError if it can't be written; the older
        ones are then still complete."""
        path = self._folder / f"epoch_{state['epoch']:04d}_step_{state['step']:08d}.pt"
        try:
            if not self._identity_file.exists():
                write_json(self._identity_file, self._identity)
            with replacing(path) as temporary, temporary.open("wb") as file:
                torch.save(state, file)
        except (OSError, RuntimeError) as error:  # PyTorch raises RuntimeError on a full disk
            raise MotionFitError(
                f"the checkpoint {path} can't be written ({str(error).splitlines()[0]}): free some "
                "space and run again to continue from the previous checkpoint"
            ) from None
        for old in self._newest_first()[KEPT:]:
            old.unlink(missing_ok=True)
        remove_left_behind(self._folder, "epoch_*.pt")

    def latest(self) -> dict[str, Any] | None:
        """The newest complete checkpoint of this training; None if there is none. Raises OSError if
        the system can't read it."""
        for path in self._newest_first():
            try:
                return load_weights_file(path)
            except OSError:  # the file itself may be complete
                raise
            except Exception as error:
                log.warning("%s is damaged and is skipped (%s)", path, error)
                path.rename(path.with_suffix(".broken"))  # so that it is not counted
        for identity_file in sorted(self._parent.glob("*/identity.json")):
            log.warning(
                "%s has the checkpoints of another training, which are not used; they differ in %s",
                identity_file.parent,
                differences(self._identity, json.loads(identity_file.read_text())),
            )
        return None

    def _newest_first(self) -> list[Path]:
        return sorted(self._folder.glob("epoch_*.pt"), reverse=True)


def differences(current: Identity, other: Identity) -> str:
    """The keys in which two identities differ, with their values if these are short."""
    # One row per identity; the keys of nested dictionaries are joined by dots.
    [here], [there] = (pd.json_normalize(side).to_dict("records") for side in (current, other))
    changed = []
    for key in sorted(here.keys() | there.keys()):
        values = [json.dumps(side.get(key)) for side in (here, there)]
        if values[0] != values[1]:
            short = max(map(len, values)) <= 40
            changed.append(f"{key} ({values[0]} here, {values[1]} there)" if short else key)
    hidden = len(changed) - DIFFERENCES_SHOWN
    return ", ".join(changed[:DIFFERENCES_SHOWN]) + (f" and {hidden} more" if hidden > 0 else "")
