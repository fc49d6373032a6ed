"""Mounts small disks for the tests, which can be full or read-only."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

FILLER = ".filler"


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mounts a file system on a folder. Skips the test if that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"needs to mount, as root: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def small_disk(folder: Path, megabytes: int):
    """An empty disk that is mounted on a folder."""
    return mounted(folder, "-t", "tmpfs", "-o", f"size={megabytes}m", "none")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Makes a folder read-only, even for root."""
    with mounted(folder, "--bind", str(folder)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield


def fill(disk: Path, leave: int = 0) -> Path:
    """Fills a disk with a file, except for `leave` bytes, and returns the file."""
    filler = disk / FILLER
    with filler.open("wb", buffering=0) as file, suppress(OSError):  # other processes write too
        while (free := os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize) > leave:
            file.write(bytes(min(free - leave, 2**20)))
    return filler
