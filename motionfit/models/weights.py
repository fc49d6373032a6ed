"""Reads files that torch.save wrote: models, checkpoints and pre-trained weights."""

from pathlib import Path
from typing import Any

import torch

from motionfit.files import verify


def load_weights_file(path: Path) -> Any:
    """Reads tensors and plain values from a file, on the CPU. A file from elsewhere can't run code.

    Raises DamagedError if the file is damaged, which PyTorch does not check, and OSError if it
    can't be read.
    """
    verify(path)
    return torch.load(path, map_location="cpu", weights_only=True)
