"""Writing HDF5 files on disks that may fill."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import h5py

from motionfit.files import replacing

FORMAT = ("v110", "v110")
"""Version of the format that is written: from 1.10 on HDF5's own structures have checksums."""


@contextmanager
def new_hdf5(path: Path) -> Iterator[h5py.File]:
    """A file to write, under a temporary name, which becomes `path` when the block ends well.

    Raises MotionFitError where the system will not write it, when something is next added or at the
    end.
    """
    with replacing(path) as temporary, Output(temporary, "w+") as output:
        try:
            with NewFile(output) as file:
                yield file
        finally:
            output.check()


class Output(FileIO):
    """What HDF5 writes to. It keeps an error of the system to itself: HDF5 would go on with broken
    data of its own, and end the whole program as it closes the file, without a word."""

    _error: OSError | None = None

    def check(self) -> None:
        """Raises the first error of the system."""
        if self._error:
            raise self._error

    def write(self, data: memoryview) -> int:
        left = memoryview(data)
        try:
            while left and not self._error:
                left = left[super().write(left) :]
        except OSError as error:
            self._error = error
        return len(data)

    def truncate(self, size: int) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size


class NewFile(h5py.File):
    """Fails when something is added after an error of the system, rather than only at its end."""

    def __init__(self, output: Output):
        super().__init__(output, "w", libver=FORMAT)
        self._check = output.check

    def create_dataset(self, *args: Any, **options: Any) -> h5py.Dataset:
        self._check()
        return super().create_dataset(*args, **options)
