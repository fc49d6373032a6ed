"""The commands of docs/use.md work as they are written."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from motionfit.cli import main
from motionfit.models import build_network, save_model
from motionfit.use import export
from tests.videos import described, make_video

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "use.md"


def test_the_commands_of_the_document_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    for package in export.NEEDED:
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    about = replace(described("frames", ["wave", "jump"], 4, [32, 48], 28), clips=2)
    save_model(build_network("r2plus1d_small", "frames", 2, seed=1), about, Path("model.pt"))
    for name in ("day1/a.mp4", "day1/b.mp4", "query.mp4"):
        make_video(Path(name))
    commands = re.findall(r"^motionfit .*$", DOCUMENT.read_text(), re.MULTILINE)
    assert len(commands) >= 5
    for command in commands:
        arguments = shlex.split(command.replace("VIDEO...", "'day1/**/*.mp4'"))
        assert main(arguments[1:]) == 0, command
    assert {path.name for path in tmp_path.iterdir()} >= {"features.parquet", "hits.png"}


def test_the_options_of_the_document_exist(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    main(["predict", "--help"])
    text = capsys.readouterr().out
    for option in re.findall(r"^\| `(--\w+)", DOCUMENT.read_text(), re.MULTILINE):
        assert option in text
