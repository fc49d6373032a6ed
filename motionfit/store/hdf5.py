"""Writes HDF5 files, and reports a full disk as an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import h5py

from motionfit.files import replacing

FORMAT = ("v110", "v110")
"""Version of the file format. HDF5's own structures have checksums since version 1.10."""


@contextmanager
def new_hdf5(path: Path) -> Iterator[h5py.File]:
    """Opens a new file under a temporary name and renames it to `path` when the block succeeds.

    Raises MotionFitError if the system refuses to write, either when the next array is added or at
    the end of the block.
    """
    with replacing(path) as temporary, Output(temporary, "w+") as output:
        try:
            with NewFile(output) as file:
                yield file
        finally:
            output.check()


class Output(FileIO):
    """The file that HDF5 writes to. It records errors of the system instead of raising them: HDF5
    would continue with broken internal data and silently end the program when it closes the
    file."""

    _error: OSError | None = None

    def check(self) -> None:
        """Raises the first recorded error of the system."""
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
    """An HDF5 file that raises a recorded error of the system when the next array is added, rather
    than only at the end."""

    def __init__(self, output: Output):
        super().__init__(output, "w", libver=FORMAT)
        self._check = output.check

    def create_dataset(self, *args: Any, **options: Any) -> h5py.Dataset:
        self._check()
        return super().create_dataset(*args, **options)
