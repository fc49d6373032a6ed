"""Reading what torch.save wrote: models, checkpoints, weights from elsewhere."""

import zipfile
from pathlib import Path
from typing import Any

import torch


class DamagedError(Exception):
    """A file of weights is not as it was written."""


def load_weights_file(path: Path) -> Any:
    """The content of a file, on the CPU: tensors and plain values, so that a file from elsewhere
    can run no code.

    Raises DamagedError where it is not as it was written, of which PyTorch itself takes no notice:
    it leaves the checksums of its zip files unread.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            if name := file.testzip():
                raise DamagedError(f"{name} in it has another checksum")
    else:  # a zip file has its contents at its end; files of long ago are none
        with path.open("rb") as file:
            if file.read(4) == b"PK\x03\x04":
                raise DamagedError("its end is missing")
    return torch.load(path, map_location="cpu", weights_only=True)
