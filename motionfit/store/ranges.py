"""Files that hold what comes of several adjacent shards."""

from collections.abc import Iterable

FILES = 64
"""Files of features that a data set has at least, where it has as many shards: so many jobs can run
side by side."""
SHARDS = 8
"""Shards to a file at most. On a GPU the clips of a shard take seconds, and a job ten to begin:
jobs of a shard would spend most of the GPU's time on starting, and make a plan long."""


def ranges(shards: Iterable[str], total: int) -> dict[str, list[str]]:
    """Names of files, '0003' or '0008-0015', to the shards that each holds, both in order, where a
    data set is cut into `total` shards of which these hold videos.

    A shard's file depends on the two numbers alone, so another shard that comes or goes leaves it
    where it is.
    """
    width = max(1, min(SHARDS, total // FILES))
    found: dict[str, list[str]] = {}
    for shard in sorted(set(shards), key=int):
        first = int(shard) // width * width
        name = shard if width == 1 else f"{first:04d}-{first + width - 1:04d}"
        found.setdefault(name, []).append(shard)
    return found
