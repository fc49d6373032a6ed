"""Checkpoints: what a killed training goes on from."""

import logging
import shutil
from pathlib import Path
from typing import Any

import torch

from motionfit.files import replacing

log = logging.getLogger(__name__)

KEPT = 2


class Checkpoints:
    """The checkpoints of one training in a folder that no rule of the workflow declares, so that it
    outlives a failed job. `identity` is the text of everything that the training depends on."""

    def __init__(self, folder: Path, identity: str):
        self._folder = folder
        self._identity = identity

    def save(self, epoch: int, state: dict[str, Any]) -> None:
        with replacing(self._path(epoch)) as temporary:
            torch.save({"identity": self._identity, "epoch": epoch, **state}, temporary)
        self._path(epoch - KEPT).unlink(missing_ok=True)

    def latest(self) -> dict[str, Any] | None:
        """The newest whole checkpoint of this very training; None where there is none."""
        for path in sorted(self._folder.glob("epoch_*.pt"), reverse=True):
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
            except Exception as error:
                log.warning("%s can't be read and is passed over (%s)", path, error)
                continue
            if state["identity"] == self._identity:
                return state
            log.info("%s is of another recipe or other data: starting anew", path)
            self.clear()
            return None
        return None

    def clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, epoch: int) -> Path:
        return self._folder / f"epoch_{epoch:04d}.pt"
