"""Types of the command line's options, and how their values are read.

The name, type, default and help of an option are those of a parameter of the command's function. A
type here has a help text only if the option means the same in every command. Otherwise, the
docstring of the function describes it.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import Parameter, Token
from cyclopts.validators import Number

from motionfit.config import Dataset, LabelledPart, Recipe, parse_recipe

CORES = os.cpu_count() or 1
R = TypeVar("R", bound=Recipe)


def read_recipe(kind: type[R], tokens: Sequence[Token]) -> R:
    return parse_recipe(kind, tokens[0].value)


def read_data_set(_kind: Any, tokens: Sequence[Token]) -> Dataset:
    return parse_recipe(Dataset, tokens[0].value)


def read_size(_kind: Any, tokens: Sequence[Token]) -> tuple[int, int]:
    text = tokens[0].value
    sides = re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,3})", text, re.ASCII)
    if not sides or max(map(int, sides.groups())) > 8192:
        raise ValueError(
            f"{text!r} should be height and width in pixels, such as 128x171, 8192 at most"
        )
    return int(sides[1]), int(sides[2])


def json_of(read: Any, text: str) -> Parameter:
    return Parameter(
        converter=read,
        accepts_keys=False,
        n_tokens=1,
        metavar="JSON",
        show_default=False,
        help=text,
    )


def between(least: float, most: float) -> Parameter:
    return Parameter(validator=Number(gte=least, lte=most))


def described(text: str) -> Parameter:
    return Parameter(help=text)


# What a stage depends on, as the config has it.
JsonRecipe = Annotated[R, json_of(read_recipe, "The recipe, as the config has it, in JSON.")]
DataSetRecipe = Annotated[
    Dataset, json_of(read_data_set, "The data set's recipe, as the config has it, in JSON.")
]
JsonLabelledPart = Annotated[
    LabelledPart,
    json_of(
        read_recipe,
        "The part of the training labels that is used, as labelled_parts in the config has it, in "
        "JSON (default: all).",
    ),
]
ClipLength = Annotated[int, between(1, 10_000), described("Frames per clip.")]
ClipsPerVideo = Annotated[int, between(1, 1000)]
Split = Annotated[int, between(1, 10**9), described("Number of the split.")]
FrameSize = Annotated[tuple[int, int], Parameter(converter=read_size, n_tokens=1, metavar="HxW")]
Rate = Annotated[float, between(0.001, 1000)]
Quality = Annotated[int, between(1, 100), described("JPEG quality.")]
Fraction = Annotated[float, between(0, 1)]
Seconds = Annotated[float, between(0.1, 100_000)]
Count = Annotated[int, between(1, 10**9)]
VideoNames = Annotated[
    Path,
    described(
        "Video files, folders, which are searched at any depth, or patterns in quotes, such as "
        "'day1/*.mp4'."
    ),
]

# Files and folders.
IndexFile = Annotated[Path, described("Index of the data set.")]
FramesFolder = Annotated[Path, described("Folder of the shards of frames.")]
FlowFolder = Annotated[Path, described("Folder of the shards of flow.")]
ClipsFolder = Annotated[
    Path, described("Folder of the shards that the model reads: frames or flow.")
]
ShardName = Annotated[str, described("Name of the shard, such as 0003.")]
ShardNames = Annotated[list[str], described("Names of the shards, such as 0003.")]
DuplicatesFiles = Annotated[
    list[Path],
    described("Near-duplicates of test videos, as TARGET/OTHER.csv. These videos are left out."),
]
Output = Annotated[
    Path, described("The file to write. If there are others, they are written beside it.")
]

# What a job runs on.
Threads = Annotated[int, between(1, 4096), described("CPU cores to use.")]

EachField = Parameter(name="*")
"""For a parameter that is a dataclass: each of its fields is an option."""
