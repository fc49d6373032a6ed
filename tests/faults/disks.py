"""Small disks of the tests' own, which can be full or read-only."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

FILLER = ".filler"


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Something that is mounted on a folder. Skips the test where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"needs to mount, as root: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def small_disk(folder: Path, megabytes: int):
    """A disk of its own, empty, on a folder."""
    return mounted(folder, "-t", "tmpfs", "-o", f"size={megabytes}m", "none")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder on which nothing can be written, by root neither."""
    with mounted(folder, "--bind", str(folder)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield


def fill(disk: Path, leave: int = 0) -> Path:
    """Fills a disk with a file, but for so many bytes; the file."""
    filler = disk / FILLER
    with filler.open("wb", buffering=0) as file, suppress(OSError):  # others write there as well
        while (free := os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize) > leave:
            file.write(bytes(min(free - leave, 2**20)))
    return filler
