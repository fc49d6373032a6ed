"""Files that hold what comes of several shards."""

from collections.abc import Iterable

SHARDS = 8
"""Shards to a file of features. On a GPU a network takes seconds for the clips of a shard, and a
job some ten to begin: a job a shard would spend most of its GPU's time on starting."""


def ranges(shards: Iterable[str]) -> dict[str, list[str]]:
    """Names of files, such as '0008-0015', to the shards that each holds, both in order.

    A shard's file depends on its own number alone, so another shard that comes or goes leaves it
    where it is.
    """
    found: dict[str, list[str]] = {}
    for shard in sorted(set(shards)):
        first = int(shard) // SHARDS * SHARDS
        found.setdefault(f"{first:04d}-{first + SHARDS - 1:04d}", []).append(shard)
    return found
