"""Whether two runs came to the same results."""

import json
import re
from pathlib import Path

import pandas as pd
import torch

from tests.workflow.runs import Run

TIMES = ["clips_per_second", "waiting", "seconds"]
"""Columns of a history that say how fast, and not what."""
DATED = (".made_from.json", ".videos.json")
"""Ends of the names of what says how the videos were, which have a date in each run."""
NO_RESULTS = {"logs", "benchmarks", "tensorboard"}


def same_results(run: Run, undisturbed: Run) -> None:
    """Asserts that two runs have the same files with the same contents: frames, flow and features
    byte for byte, weights bit for bit, and that none has a temporary file or a checkpoint left."""
    ours, theirs = results(run), results(undisturbed)
    assert not ours.keys() ^ theirs.keys(), ours.keys() ^ theirs.keys()
    different = [name for name in ours if content(ours[name]) != content(theirs[name])]
    assert not different, different


def results(run: Run) -> dict[str, Path]:
    """Name below `results/` to path."""
    root = run.file("")
    files = (path for path in root.rglob("*") if path.is_file())
    named = {str(path.relative_to(root)): path for path in files}
    return {
        name: path
        for name, path in named.items()
        if not NO_RESULTS & set(Path(name).parts)
        and path.name not in ("run.json", ".filler")
        and not name.endswith(DATED)
    }


def content(path: Path) -> object:
    """What counts of a file, as something that can be compared."""
    if path.suffix == ".pt":
        saved = torch.load(path, weights_only=True)
        weights = {
            name: (str(t.dtype), t.numpy().tobytes()) for name, t in saved["weights"].items()
        }
        return saved["about"], weights
    if path.name == "history.csv":
        return pd.read_csv(path).drop(columns=TIMES).to_csv()
    if path.suffix == ".json":
        return json.loads(path.read_text())
    if path.suffix == ".html":  # but for the date and the times
        return re.sub(r"\d+", "", "".join(re.findall(r"<h2.*?</h2>", path.read_text())))
    return path.read_bytes()
