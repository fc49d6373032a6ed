"""Types of fields that several recipes share.

The bounds reject numbers that would otherwise fail, or keep a job busy for ever, hours later.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

Positive = Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]
Natural = Annotated[int, Field(ge=0, le=1_000_000_000, strict=True)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1, strict=True)]
Fraction = Annotated[float, Field(gt=0, le=1)]

Side = Annotated[int, Field(ge=8, le=8192, strict=True)]
"""Height or width of a frame or a crop, in pixels."""
Size = tuple[Side, Side]
"""Height and width, in pixels."""
Rate = Annotated[float, Field(ge=0.001, le=1000)]
"""Frames per second."""
ClipLength = Annotated[int, Field(ge=1, le=10_000, strict=True)]
"""Frames per clip."""
Clips = Annotated[int, Field(ge=1, le=1000, strict=True)]
"""Clips per video."""
Epoch = Annotated[int, Field(ge=1, le=9999, strict=True)]
Quality = Annotated[int, Field(ge=1, le=100)]
"""Quality of JPEG files, in percent."""

Unit = Literal["group", "video"]
"""What a set of videos is drawn by: whole groups, such as recordings, or single videos."""


def _check_split(value: Any) -> Any:
    if value != "target" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ValueError(f"should be `target` or the number of a split, not {value!r}")
    return value


SplitOrTarget = Annotated[Literal["target"] | Positive, BeforeValidator(_check_split)]
"""The number of a split, or `target` for the split that is evaluated."""
