"""The measures of an evaluation: one value per split, and their mean."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from motionfit.errors import MotionFitError


def summary(evaluation: Path, splits: Sequence[int], kinds: Sequence[str]) -> dict[str, Any]:
    """Reads the measures in the folder of an evaluation.

    Returns for each measure {'splits': {split: value}, 'mean': value}. Raises MotionFitError if a
    file is missing.
    """
    measures: dict[str, dict[str, float]] = {}
    for split in splits:
        for kind in kinds:
            for name, value in read_measures(evaluation / f"split{split}" / f"{kind}.json").items():
                measures.setdefault(f"{kind} {name}", {})[str(split)] = value
    return {
        name: {"splits": by_split, "mean": sum(by_split.values()) / len(by_split)}
        for name, by_split in measures.items()
    }


def read_measures(path: Path) -> dict[str, float]:
    """Reads a `recognition.json`, with names such as `top1`, or a `retrieval.json`, with names such
    as `clip R@1`."""
    if not path.is_file():
        raise MotionFitError(f"{path} is missing: run the evaluation first")
    values = json.loads(path.read_text(encoding="utf-8"))
    if path.stem == "recognition":
        return values
    return {
        f"{protocol} {name}": value
        for protocol, recalls in values.items()
        for name, value in recalls.items()
    }
