"""Files that contain the results of several adjacent shards."""

from collections.abc import Iterable

FILES = 64
"""Smallest number of files of features of a data set, unless it has fewer shards. So many jobs can
run in parallel."""
SHARDS = 8
"""Largest number of shards per file. On a GPU, the clips of a shard take seconds, and the start of
a job takes ten. With one job per shard, the GPU would mostly wait, and the plan would be long."""


def ranges(shards: Iterable[str], total: int) -> dict[str, list[str]]:
    """Names of files, such as '0003' or '0008-0015', mapped to the shards in each, all in order.

    `shards` are those with videos among the `total` shards of a data set. The file of a shard
    depends on its number and `total` alone, so that it stays the same when other shards are added
    or removed.
    """
    width = max(1, min(SHARDS, total // FILES))
    files: dict[str, list[str]] = {}
    for shard in sorted(set(shards), key=int):
        first = int(shard) // width * width
        name = shard if width == 1 else f"{first:04d}-{first + width - 1:04d}"
        files.setdefault(name, []).append(shard)
    return files
