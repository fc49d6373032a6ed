"""HDF5 shards: many videos a file, each as one contiguous byte array with an offset a frame.

Layout of a shard::

    /            attributes: kind ('frames' or 'flow'), recipe (JSON text)
    /videos      (V,) text      ids, in the order they were added
    /lengths     (V,) int64     frames a video
    /data/000000 (N,) uint8     the encoded frames of the first video, one after the other;
                                attribute: source, the path of the video
    /offsets/000000 (T+1,) int64  frame t is bytes[offsets[t]:offsets[t+1]]

so a clip of adjacent frames is one read.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from motionfit.errors import MotionFitError
from motionfit.store.hdf5 import new_hdf5

OPEN_AT_MOST = 64
"""Files that a process keeps open: a system allows some 1000, and a data set may have more."""


class ShardWriter:
    """Adds videos to a shard that is open for writing."""

    def __init__(self, file: h5py.File):
        self._file = file
        self._videos: list[str] = []
        self._lengths: list[int] = []

    def add(self, video: str, frames: Sequence[bytes], **attributes: Any) -> None:
        """Adds a video as its encoded frames."""
        name = f"{len(self._videos):06d}"
        offsets = np.zeros(len(frames) + 1, np.int64)
        np.cumsum([len(frame) for frame in frames], out=offsets[1:])
        data = self._file.create_dataset(
            f"data/{name}", data=np.frombuffer(b"".join(frames), np.uint8)
        )
        data.attrs.update(attributes)
        self._file.create_dataset(f"offsets/{name}", data=offsets)
        self._videos.append(video)
        self._lengths.append(len(frames))

    def finish(self) -> None:
        text = h5py.string_dtype()
        self._file.create_dataset("videos", data=np.array(self._videos, dtype=object), dtype=text)
        self._file.create_dataset("lengths", data=np.array(self._lengths, np.int64))


@contextmanager
def write_shard(path: Path, kind: str, recipe: dict[str, Any]) -> Iterator[ShardWriter]:
    """Writes a shard under a temporary name, which becomes `path` when the block ends well.

    `recipe`: how its frames or flow are made, with at least `size` (height, width) and `fps`.
    """
    with new_hdf5(path) as file:
        file.attrs["kind"] = kind
        file.attrs["recipe"] = json.dumps(recipe, sort_keys=True)
        writer = ShardWriter(file)
        yield writer
        writer.finish()


class Shards:
    """The videos of several shards as one collection of encoded frames.

    A file is opened in the process that reads it, at the first read, so that the collection can be
    handed to worker processes: HDF5 handles do not survive a fork.
    """

    def __init__(self, paths: Sequence[Path], kind: str):
        self._places: dict[str, tuple[Path, str, int]] = {}
        self._open: dict[Path, h5py.File] = {}
        self._found: tuple[tuple[Path, str], np.ndarray, h5py.Dataset] | None = None
        self._process = os.getpid()
        self.bytes = {path.name: path.stat().st_size for path in paths if path.is_file()}
        """Name to size of each shard's file."""
        recipes: dict[str, Path] = {}
        for path in paths:
            with open_shard(path) as file:
                if file.attrs.get("kind") != kind:
                    raise MotionFitError(f"{path} holds no {kind}")
                recipes.setdefault(str(file.attrs["recipe"]), path)
                videos = file["videos"].asstr()[:]
                for i, (video, length) in enumerate(zip(videos, file["lengths"][:], strict=True)):
                    self._places[video] = (path, f"{i:06d}", int(length))
        if len(recipes) != 1:
            raise MotionFitError(
                f"shards of {kind} that do not belong together: "
                + "; ".join(f"{path} is made by {text}" for text, path in recipes.items())
            )
        self.recipe: dict[str, Any] = json.loads(next(iter(recipes)))
        """How the frames or the flow were made."""

    def __contains__(self, video: str) -> bool:
        return video in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def length(self, video: str) -> int:
        """Number of frames of a video."""
        return self._places[video][2]

    def path(self, video: str) -> Path:
        """The shard that holds a video."""
        return self._places[video][0]

    def attributes(self, video: str) -> dict[str, Any]:
        path, name, _ = self._places[video]
        return dict(self._file(path)[f"data/{name}"].attrs)

    def read(self, video: str, start: int, length: int) -> list[np.ndarray]:
        """The encoded frames start..start+length-1 of a video, each (bytes,) uint8, by one read.

        Raises MotionFitError where the file can't be read.
        """
        path, name, _ = self._places[video]
        file = self._file(path)
        try:
            # A multi-clip is several reads of one video, and finding it takes as long as reading.
            if self._found is None or self._found[0] != (path, name):
                self._found = (path, name), file[f"offsets/{name}"][:], file[f"data/{name}"]
            _, all_offsets, stored = self._found
            offsets = all_offsets[start : start + length + 1]
            data = stored[offsets[0] : offsets[-1]]
        except (OSError, KeyError) as error:
            raise MotionFitError(
                f"{path}: {video} can't be read ({error}): delete the file and run again to make "
                "it anew"
            ) from None
        return np.split(data, offsets[1:-1] - offsets[0])

    def _file(self, path: Path) -> h5py.File:
        if self._process != os.getpid():
            self._open, self._found, self._process = {}, None, os.getpid()
        if path not in self._open:
            if len(self._open) == OPEN_AT_MOST:
                self._open.pop(next(iter(self._open))).close()
                self._found = None
            self._open[path] = open_shard(path)
        return self._open[path]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}, "_found": None}


def open_shard(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        # What the system refuses (no such file, too many open files) has a number; a file that is
        # no HDF5, or not all of one, has none.
        cure = "" if error.errno else ": delete it and run again to make it anew"
        raise MotionFitError(f"{path} can't be read ({error}){cure}") from None
