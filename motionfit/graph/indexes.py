"""What the artefacts of a run need of the indexes of its data sets."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from motionfit.digests import digest


@dataclass(frozen=True)
class Indexed:
    """What the other artefacts need of an index on disk."""

    fingerprint: str
    """Of its content without the videos' paths: moving a folder changes no result."""
    videos: Mapping[str, list[tuple[str, str]]]
    """Shard to id and path of each of its videos."""


def indexed(index: pd.DataFrame) -> Indexed:
    """Reduces an index to what the other artefacts need."""
    columns = [digest(name, *index[name]) for name in index.columns if name != "path"]
    by_shard = {
        shard: list(zip(rows["video"], rows["path"], strict=True))
        for shard, rows in index.groupby("shard")
    }
    return Indexed(digest(*columns), by_shard)


def one_shard(_dataset: str) -> Indexed:
    """Stands in for an index that nobody has read: one shard stands for all."""
    return Indexed("", {"0": []})
