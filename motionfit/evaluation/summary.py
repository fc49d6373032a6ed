"""The measures of an evaluation: a value a split, and their mean."""

import json
from pathlib import Path

from motionfit.files import write_json


def summarise(evaluation: Path, splits: list[int], kinds: list[str], output: Path) -> None:
    """Joins the splits' files, `recognition.json` and `retrieval.json` or one of them as `kinds`
    says, into one."""
    measures: dict[str, dict[str, float]] = {}
    for split in splits:
        folder = evaluation / f"split{split}"
        values: dict[str, float] = {}
        if "recognition" in kinds:
            recognition = json.loads((folder / "recognition.json").read_text())
            values |= {f"recognition {name}": value for name, value in recognition.items()}
        if "retrieval" in kinds:
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
