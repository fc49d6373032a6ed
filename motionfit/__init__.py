"""MotionFit: motion-augmented self-training for video recognition at smaller scale.

`load` reads a trained model: `from motionfit import load`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["load"]

USE = "motionfit.use.model"
"""Module of `load`. It is imported late, since it imports PyTorch. By its name, since the code of a
stage includes this module, but not `load`."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(USE), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
