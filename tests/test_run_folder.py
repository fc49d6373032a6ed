import os
import subprocess
import sys
import time

import pytest

from motionfit.files import HOST
from motionfit.run_folder import AHEAD, redate

ENTER = """
import sys
from pathlib import Path
from motionfit.run_folder import enter
print(enter(Path(sys.argv[1])), flush=True)
"""


def enter(folder):
    command = [sys.executable, "-c", ENTER, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def locked(tmp_path):
    """A folder that a Snakemake has entered and locked, and which it has left without unlocking."""
    assert enter(tmp_path) == ""
    (tmp_path / ".snakemake" / "locks").mkdir()
    (tmp_path / ".snakemake" / "locks" / "0.input.lock").touch()
    return tmp_path


def test_the_lock_of_a_killed_snakemake_gives_a_warning(locked):
    for _ in range(2):  # the first one that sees the lock does not take it over
        warning = enter(locked)
        assert "was killed, and its lock is left" in warning
        assert "snakemake --unlock" in warning


def test_the_lock_of_a_running_snakemake_gives_a_warning(locked):
    other = subprocess.Popen(
        [sys.executable, "-c", ENTER + "sys.stdin.read()", str(locked)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    other.stdout.readline()
    assert "another snakemake runs in" in enter(locked)
    other.communicate()


def test_the_lock_of_another_machine_gives_a_warning(locked):
    about = locked / ".snakemake" / "motionfit.lock"
    assert about.read_text().split()[0] == HOST
    about.write_text("login1 4711\n")
    warning = enter(locked)
    assert "on login1 (process 4711): check on that machine whether it still runs" in warning


def by_date(folder):
    """Names of the files of a folder, the oldest first."""
    return sorted(
        (path.name for path in folder.iterdir()), key=lambda n: (folder / n).stat().st_mtime_ns
    )


def test_files_with_future_dates_get_the_present_date_and_keep_their_order(tmp_path):
    seconds = {"old": -100, "frames": AHEAD - 20, "flow": AHEAD + 20, "model": 9000}
    for name, ahead in seconds.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() + ahead,) * 2)
    assert by_date(tmp_path) == list(seconds)
    assert "3 files" in redate(tmp_path)
    assert by_date(tmp_path) == list(seconds)
    assert (tmp_path / "model").stat().st_mtime <= time.time()
    assert redate(tmp_path) == ""


def test_a_date_slightly_in_the_future_is_kept(tmp_path):
    (tmp_path / "a").touch()
    os.utime(tmp_path / "a", (time.time() + AHEAD / 2,) * 2)
    date = (tmp_path / "a").stat().st_mtime_ns
    assert redate(tmp_path) == ""
    assert (tmp_path / "a").stat().st_mtime_ns == date
