import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from motionfit.files import HOST, remove_left_behind, replacing
from motionfit.training.checkpoints import Checkpoints


def test_a_file_is_replaced_only_when_the_new_one_is_complete(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), replacing(path) as temporary:
        temporary.write_text("half \udc80", encoding="utf-8")
    assert path.read_text() == "old"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_synced_to_disk_before_it_is_renamed(tmp_path, monkeypatch):
    """Otherwise a power cut could leave an empty file under the final name."""
    calls = []
    monkeypatch.setattr(os, "fsync", lambda _: calls.append("sync"))
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda *paths: calls.append("rename") or replace(*paths))
    with replacing(tmp_path / "result.txt") as temporary:
        temporary.write_text("new")
    assert calls == ["sync", "rename"]


WRITER = """
import os, signal, sys
from pathlib import Path
from motionfit.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def write_and_be_killed(path: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITER, path], check=False)


def test_temporary_files_of_killed_writers_are_removed(tmp_path):
    path = tmp_path / "result.h5"
    for _ in range(3):
        write_and_be_killed(path)
        assert len(list(tmp_path.iterdir())) == 1
    others = [
        tmp_path / f".result.h5.{HOST}.{os.getppid()}.tmp",  # a process that is alive
        tmp_path / ".result.h5.another.machine.999999999.tmp",
        tmp_path / f".another.h5.{HOST}.999999999.tmp",
    ]
    for other in others:
        other.touch()
    with replacing(path) as temporary:
        temporary.write_text("whole")
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])
    remove_left_behind(tmp_path, "*.h5")
    assert sorted(tmp_path.iterdir()) == sorted([path, *others[:2]])


def test_partial_checkpoints_of_killed_trainings_are_removed(tmp_path):
    """Their names differ, since each contains its step."""
    checkpoints = Checkpoints(tmp_path, {"recipe": 1})
    checkpoints.save({"epoch": 1, "step": 1, "weights": torch.ones(3)})
    folder = next(tmp_path.iterdir())
    write_and_be_killed(folder / "epoch_0001_step_00000002.pt")
    assert list(folder.glob(".*.tmp"))
    checkpoints.save({"epoch": 1, "step": 3, "weights": torch.ones(3)})
    assert not list(folder.glob(".*.tmp"))
    assert checkpoints.latest()["step"] == 3
