"""Reading what torch.save wrote: models, checkpoints, weights from elsewhere."""

from pathlib import Path
from typing import Any

import torch

from motionfit.files import verify


def load_weights_file(path: Path) -> Any:
    """The content of a file, on the CPU: tensors and plain values, so that a file from elsewhere
    can run no code.

    Raises DamagedError where it is not as it was written, of which PyTorch takes no notice, and
    OSError where it can't be read.
    """
    verify(path)
    return torch.load(path, map_location="cpu", weights_only=True)
