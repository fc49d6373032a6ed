"""Compares the results of two runs."""

import json
import re
from pathlib import Path

import pandas as pd
import torch

from tests.workflow.runs import Run

TIMES = ["clips_per_second", "waiting", "seconds"]
"""Columns of a history that depend on the speed of the machine."""
DATED = (".made_from.json", ".videos.json")
"""Endings of files that contain dates of the videos, which differ between runs."""
NO_RESULTS = {"logs", "benchmarks", "tensorboard"}


def same_results(run: Run, undisturbed: Run) -> None:
    """Asserts that two runs have the same files with the same contents, so that no temporary file
    or checkpoint is left. Frames, flow and features are compared byte for byte, and weights bit for
    bit."""
    ours, theirs = results(run), results(undisturbed)
    assert not ours.keys() ^ theirs.keys(), ours.keys() ^ theirs.keys()
    different = [name for name in ours if content(ours[name]) != content(theirs[name])]
    assert not different, different


def results(run: Run) -> dict[str, Path]:
    """Paths of the results of a run by their names below `results/`."""
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
    """The content of a file that two runs must share, in a form that can be compared."""
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
    if path.suffix == ".html":  # without the date and the times
        return re.sub(r"\d+", "", "".join(re.findall(r"<h2.*?</h2>", path.read_text())))
    return path.read_bytes()
