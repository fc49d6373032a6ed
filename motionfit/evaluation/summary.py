"""The measures of an evaluation: a value a split, and their mean."""

import json
from pathlib import Path

from motionfit.files import write_json


def summarise(evaluation: Path, splits: list[int], output: Path) -> None:
    """Joins `recognition.json` and `retrieval.json` of the splits' folders into one file."""
    measures: dict[str, dict[str, float]] = {}
    for split in splits:
        folder = evaluation / f"split{split}"
        recognition = json.loads((folder / "recognition.json").read_text())
        values = {f"recognition {name}": value for name, value in recognition.items()}
        for protocol, recalls in json.loads((folder / "retrieval.json").read_text()).items():
            values |= {f"retrieval {protocol} {name}": value for name, value in recalls.items()}
        for name, value in values.items():
            measures.setdefault(name, {})[str(split)] = value
    write_json(
        output,
        {
            name: {"splits": by_split, "mean": sum(by_split.values()) / len(by_split)}
            for name, by_split in measures.items()
        },
    )
