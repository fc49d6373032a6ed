"""The commands of docs/your-videos.md, on real videos, as they are written."""

import hashlib
import re
import shlex
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torchvision.models.video import r2plus1d_18

from motionfit.datasets.demo import write_video
from motionfit.store.video import decode
from tests.test_docs import commands

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "your-videos.md"
SMALLER = {
    r"steps: \d+": "steps: 20",
    r"folds: \d+": "folds: 2",
    r"seeds: \d+": "seeds: 1",
    "stop_when_hopeless: true": "stop_when_hopeless: false",
}
"""What is changed in the config that was written, so that its run takes minutes."""


def sort_into_folders(source: Path, folder: Path) -> None:
    """Half of the recordings of four classes become labelled videos, the others unlabelled ones."""
    rows = pd.read_csv(source / "labels.csv")
    for row in rows[rows["label"].isin(["up", "down", "star", "tick"])].itertuples():
        kind = f"labelled/{row.label}" if row.group % 2 else "unlabelled"
        (folder / kind).mkdir(parents=True, exist_ok=True)
        shutil.copy(source / row.path, folder / kind)


@pytest.mark.long
def test_the_commands_run_one_after_the_other(shared_data, tmp_path):
    videos = tmp_path / "videos"
    sort_into_folders(shared_data / "egogestar", videos)
    clips = sorted((videos / "unlabelled").iterdir())
    shutil.copy(clips[0], videos / "query.mp4")
    frames = np.stack(list(chain.from_iterable(decode(clip, None) for clip in clips[:3])))
    write_video(videos / "long.mp4", frames)
    weights = tmp_path / ".cache" / "torch" / "hub" / "checkpoints" / "weights.pth"
    weights.parent.mkdir(parents=True)
    torch.save(r2plus1d_18().state_dict(), weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:8]  # as torchvision names its files
    weights.rename(weights.with_name(f"r2plus1d_18-{digest}.pth"))

    done = set()
    for program, *words in commands(DOCUMENT):
        if program == "python":
            continue  # downloads the weights
        words = [re.sub("^~", str(tmp_path), w).replace("91a641e6", digest) for w in words]
        command = [f"{Path(sys.executable).parent / program}", *words]
        if program == "snakemake":
            command += ["--snakefile", str(ROOT / "Snakefile")]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 0, (
            f"{shlex.join(command)}\n{run.stdout[-2000:]}{run.stderr[-4000:]}"
        )
        done.add(words[0] if program == "motionfit" else program)
        if words[:2] == ["init", "my-run"]:
            config = tmp_path / "my-run" / "config.yaml"
            text = config.read_text()
            for long, short in SMALLER.items():
                text, count = re.subn(long, short, text)
                assert count, f"{long} is not in the config"
            config.write_text(text)
            printed = run.stdout
    assert done >= {"init", "estimate", "snakemake", "results", "predict", "embed", "search"}
    assert "groups           11, guessed by the number at the end of each name" in printed
    assert (tmp_path / "with-kinetics" / "config.yaml").exists()
    for name in ("overlay.mp4", "hits.png", "features.parquet", "exported/model.onnx"):
        assert (tmp_path / name).stat().st_size > 0
