import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from motionfit.files import HOST, remove_left_behind, replacing
from motionfit.training.checkpoints import Checkpoints


def test_a_file_is_the_old_one_or_the_whole_new_one(tmp_path):
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


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    """Else a power cut could leave an empty file under it."""
    done = []
    monkeypatch.setattr(os, "fsync", lambda _: done.append("on the disk"))
    renamed = Path.replace
    monkeypatch.setattr(Path, "replace", lambda *paths: done.append("renamed") or renamed(*paths))
    with replacing(tmp_path / "result.txt") as temporary:
        temporary.write_text("new")
    assert done == ["on the disk", "renamed"]


WRITER = """
import os, signal, sys
from pathlib import Path
from motionfit.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_while_it_writes(path: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITER, path], check=False)


def test_what_killed_writers_leave_does_not_pile_up(tmp_path):
    path = tmp_path / "result.h5"
    for _ in range(3):
        killed_while_it_writes(path)
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


def test_half_checkpoints_of_killed_trainings_do_not_pile_up(tmp_path):
    """Each has a step of its own in its name."""
    checkpoints = Checkpoints(tmp_path, {"recipe": 1})
    checkpoints.save({"epoch": 1, "step": 1, "weights": torch.ones(3)})
    folder = next(tmp_path.iterdir())
    killed_while_it_writes(folder / "epoch_0001_step_00000002.pt")
    assert list(folder.glob(".*.tmp"))
    checkpoints.save({"epoch": 1, "step": 3, "weights": torch.ones(3)})
    assert not list(folder.glob(".*.tmp"))
    assert checkpoints.latest()["step"] == 3
