"""The commands of the documents run, in a copy of the project whose configs are short.

Runs of the paper's data sets, which have to be downloaded, are only planned. `ELSEWHERE` has the
documents whose commands other tests run.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_docs import DOCUMENTS, ROOT, commands

pytestmark = pytest.mark.long

SHORT = {
    r"epochs: \d+": "epochs: 1",
    r"(?<= )steps: \d+": "steps: 2",
    r"milestones: \[[^]]*\]": "milestones: []",
    r"(?<=    )train: 5": "train: 2",
    r"(?<=    )test: 12": "test: 7",
    r"unlabelled: 32": "unlabelled: 4",
    r"folds: \d+": "folds: 2",
    r"clusters: \d+": "clusters: 4",
    r"clips: 10": "clips: 2",
    r"exclude_classes: #.*\n( +- .*\n)+": "exclude_classes: [up]\n",
}
"""What is changed in the configs, so that a run takes a minute or two, and fits the rendered videos
that stand in for UCF101, HMDB51 and Kinetics."""

TABLE = """
tables:
  mine:
    title: With and without self-training
    columns: {top-1: recognition top1}
    rows: {MotionFit: {evaluation: motionfit}, random: {evaluation: random}}
"""
"""What a user of docs/tables.md has added to the config."""

CHANGES = {
    # Data sets that have to be downloaded, and hours of full-size networks: these are planned.
    "configs/paper.yaml": ["--dry-run"],
    "configs/paper-small.yaml": ["--dry-run"],
    "configs/real-samples.yaml": ["--dry-run"],
    # Three seeds show no more than one.
    "benchmarks/demo.py": ["--seeds", "1"],
}
"""Options that are added to commands with these words, except to `motionfit estimate`."""

ELSEWHERE = {
    "docs/use.md",  # tests/use/test_document.py
    "docs/your-videos.md",  # tests/init/test_own_videos.py
    "docs/cluster.md",  # tests/slurm/ runs a small config with the same options
    "CONTRIBUTING.md",  # continuous integration, and tests/test_docs.py, which builds the site
}
"""Documents whose commands run elsewhere. Where other documents repeat them, they are left out."""

HERE = [d for d in DOCUMENTS if str(d.relative_to(ROOT)) not in ELSEWHERE and commands(d)]

LONGEST = 1800
"""Seconds that a command may take."""


def elsewhere() -> list[list[str]]:
    return [["make", "test"], *(c for name in ELSEWHERE for c in commands(ROOT / name))]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project with short configs, and with data where the documents have them."""
    folder = tmp_path_factory.mktemp("documents") / "motionfit"
    for name in ("benchmarks", "configs", "envs", "motionfit", "profiles", "rules"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("config.yaml", "Makefile", "Snakefile"):
        shutil.copy(ROOT / name, folder)
    unused = set(SHORT)
    for config in (folder / "config.yaml", *(folder / "configs").glob("*.yaml")):
        text = config.read_text()
        for long, short in SHORT.items():
            text, count = re.subn(long, short, text)
            unused -= {long} if count else set()
        config.write_text(text)
    assert not unused
    # Real videos have the classes of the paper's config as it is.
    configs, real = folder / "configs", "real-samples.yaml"
    shutil.copy(ROOT / "configs" / "paper.yaml", configs / "as-it-is.yaml")
    text = (ROOT / "configs" / real).read_text()
    (configs / real).write_text(text.replace("configs/paper.yaml", "configs/as-it-is.yaml"))
    with (folder / "config.yaml").open("a") as file:
        file.write(TABLE)
    run(folder, ["python", "benchmarks/stand_ins.py", "small", "--output", "data/small"])
    for run_folder in (folder, folder / "paper"):
        data = run_folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        for name, made in {
            "UCF-101": "ucf101",
            "ucfTrainTestlist": "ucf101-lists",
            "hmdb51": "hmdb51",
            "testTrainMulti_7030_splits": "hmdb51-lists",
            "kinetics-400/train": "kinetics-train",
            "kinetics-400/train.csv": "kinetics-train.csv",
            "kinetics-400/val": "kinetics-val",
            "kinetics-400/val.csv": "kinetics-val.csv",
        }.items():
            (data / name).parent.mkdir(exist_ok=True)
            (data / name).symlink_to(folder / "data" / "small" / made)
    (folder / "real-samples").mkdir()
    for name in ("my-run", "another-run"):  # the demo's run, under other names
        (folder / name).symlink_to(".")
    text = run(folder, ["make", "demo", "READY="])
    assert re.search(r"motionfit .*\d+\.\d", text)
    assert f"The report: {folder}/results/report/index.html" in text
    return folder


def run(folder: Path, command: list[str]) -> str:
    """Runs a command as a user does who has activated the environment. Returns what it prints."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=LONGEST
    )
    text = done.stdout + done.stderr
    assert done.returncode == 0, f"{shlex.join(command)}\n{text[-6000:]}"
    return text


def as_run_here(words: list[str], shared_data: Path) -> list[str]:
    """A command of a document with names of files in place of its placeholders."""
    names = {
        "VIDEO": ["results/demo/demo-target/test/down_0006.mp4"],
        "VIDEO...": ["results/demo/demo-target/test"],
        "SPLITS": [str(shared_data / "splits")],
        "VIDEOS": [str(shared_data / "real-samples")],
    }
    command = [name for word in words for name in names.get(word, [word])]
    if command[0] == "make":  # the environment is there
        command += ["READY="]
    if command[0] != "motionfit":
        for word, options in CHANGES.items():
            command += options if word in command else []
    return command


@pytest.mark.parametrize("document", HERE, ids=lambda path: path.name)
def test_the_commands_of_a_document_run(document, project, shared_data):
    link = project / "data" / "egogestar"
    if not link.exists():
        link.symlink_to(shared_data / "egogestar")
    for words in commands(document):
        if words not in elsewhere():
            run(project, as_run_here(words, shared_data))
