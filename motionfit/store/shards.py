"""HDF5 shards: files with many videos, each as a contiguous byte array with offsets of its frames.

Layout of a shard::

    /            attributes: kind ('frames' or 'flow'), recipe (JSON text), checksum (of these two
                 and of the next four arrays)
    /videos      (V,) text      ids, in the order in which they were added
    /sources     (V,) text      paths of the video files
    /lengths     (V,) int64     number of frames of each video
    /rates       (V,) float64   stored frames per second of each video
    /data/000000 (N,) uint8     encoded frames of the first video, one after the other
    /offsets/000000 (T+1,) int64  frame t is bytes[offsets[t]:offsets[t+1]]
    /checksums/000000 (T,) uint32  CRC-32 of each frame

A clip of adjacent frames is therefore one read. The checksum of every frame is verified when it is
read, so that nothing is learned from a file that a disk or a copy has damaged, and no extra pass
over the data is needed. The structures of HDF5 itself have their own checksums in the version of
the format that is used. A file may come from another machine, so its content is checked before it
is used.
"""

import json
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from motionfit.errors import MotionFitError
from motionfit.files import damaged
from motionfit.store.hdf5 import new_hdf5

OPEN_AT_MOST = 64
"""Number of files that a process keeps open. Systems allow about 1000, and a data set may have
more."""

LISTS = ("videos", "sources", "lengths", "rates")
"""Arrays of a shard with one entry per video."""

BROKEN = (OSError, KeyError, TypeError, ValueError, RuntimeError)
"""Exceptions that reading a damaged file may raise."""


class ShardWriter:
    """Adds videos to a shard that is open for writing."""

    def __init__(self, file: h5py.File):
        self._file = file
        for name in ("data", "offsets", "checksums"):
            file.create_group(name)  # a group that HDF5 creates implicitly contains a date
        self._videos: list[str] = []
        self._sources: list[str] = []
        self._lengths: list[int] = []
        self._rates: list[float] = []

    def add(self, video: str, frames: Sequence[bytes], source: str, rate: float) -> None:
        """Adds the encoded frames of a video. `source` is the path of its file, and `rate` the
        number of these frames per second."""
        name = f"{len(self._videos):06d}"
        offsets = np.zeros(len(frames) + 1, np.int64)
        np.cumsum([len(frame) for frame in frames], out=offsets[1:])
        sums = np.array([zlib.crc32(frame) for frame in frames], np.uint32)
        self._file[f"data/{name}"] = np.frombuffer(b"".join(frames), np.uint8)
        self._file[f"offsets/{name}"] = offsets
        self._file[f"checksums/{name}"] = sums
        self._videos.append(video)
        self._sources.append(source)
        self._lengths.append(len(frames))
        self._rates.append(rate)

    def finish(self) -> None:
        """Writes the arrays with one entry per video, and the checksum."""
        arrays = {
            "videos": text_array(self._videos),
            "sources": text_array(self._sources),
            "lengths": np.array(self._lengths, np.int64),
            "rates": np.array(self._rates, np.float64),
        }
        for name, values in arrays.items():
            self._file[name] = values
        about = [self._file.attrs[name] for name in ("kind", "recipe")]
        self._file.attrs["checksum"] = checksum(*about, *arrays.values())


@contextmanager
def write_shard(path: Path, kind: str, recipe: dict[str, Any]) -> Iterator[ShardWriter]:
    """Writes a shard under a temporary name and renames it to `path` when the block succeeds.

    `recipe` describes how the frames or the flow are made, with at least `size` (height, width) and
    `fps`.
    """
    with new_hdf5(path) as file:
        # Text of fixed width, since HDF5 may read text of variable width endlessly if a bit of it
        # is wrong.
        file.attrs["kind"] = np.bytes_(kind.encode())
        file.attrs["recipe"] = np.bytes_(json.dumps(recipe, sort_keys=True).encode())
        writer = ShardWriter(file)
        yield writer
        writer.finish()


class _Place(NamedTuple):
    """The place where a video is stored."""

    path: Path
    name: str
    length: int
    rate: float


class _Stored(NamedTuple):
    """A video's arrays in an open shard."""

    place: _Place
    data: h5py.Dataset
    offsets: np.ndarray
    checksums: np.ndarray


class Shards:
    """The videos of several shards as one collection of encoded frames.

    Each process opens a file when it first reads from it, so that the collection can be passed to
    worker processes: HDF5 handles do not survive a fork.
    """

    def __init__(self, paths: Sequence[Path], kind: str):
        self._places: dict[str, _Place] = {}
        self._open: dict[Path, h5py.File] = {}
        self._found: _Stored | None = None
        self._process = os.getpid()
        self.bytes = {path.name: path.stat().st_size for path in paths if path.is_file()}
        """Names of the files, mapped to their sizes."""
        recipes: dict[str, Path] = {}
        for path in paths:
            with open_shard(path) as file:
                recipe, places = read_contents(file, path, kind)
            recipes.setdefault(recipe, path)
            for video, place in places.items():
                if video in self._places:
                    other = self._places[video].path
                    raise MotionFitError(
                        f"{path} and {other} both contain {video}, so one of them is not a shard "
                        "of this data set: delete both and run again to recreate them"
                    )
                self._places[video] = place
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
        return self._places[video].length

    def rate(self, video: str) -> float:
        """Stored frames per second of a video."""
        return self._places[video].rate

    def path(self, video: str) -> Path:
        """The shard that contains a video."""
        return self._places[video].path

    def source(self, video: str) -> str:
        """The path of the file that a video was decoded from."""
        place = self._places[video]
        return self._file(place.path)["sources"][int(place.name)].decode()

    def read(self, video: str, start: int, length: int) -> list[np.ndarray]:
        """Reads the encoded frames start..start+length-1 of a video at once, each (bytes,) uint8.

        Raises MotionFitError if the file can't be read or is damaged.
        """
        place = self._places[video]
        file = self._file(place.path)
        try:
            # A multi-clip needs several reads of one video, and finding it takes as long as a read.
            if self._found is None or self._found.place != place:
                self._found = find(file, place)
            _, stored, all_offsets, checksums = self._found
            offsets = all_offsets[start : start + length + 1]
            data = stored[offsets[0] : offsets[-1]]
        except BROKEN as error:
            raise damaged(place.path, f"{video} can't be read: {error}") from None
        frames = np.split(data, offsets[1:-1] - offsets[0])
        for t, frame in enumerate(frames, start):
            if zlib.crc32(frame) != checksums[t]:
                raise damaged(place.path, f"the checksum of frame {t} of {video} does not match")
        return frames

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


def kind_of(path: Path) -> str | None:
    """The kind of a shard, 'frames' or 'flow', or None if a file has no kind. Raises MotionFitError
    if the file can't be read."""
    with open_shard(path) as file:
        try:
            return bytes(file.attrs["kind"]).decode() if "kind" in file.attrs else None
        except BROKEN as error:
            raise damaged(path, f"it is not a complete shard: {error}") from None


def read_contents(file: h5py.File, path: Path, kind: str) -> tuple[str, dict[str, _Place]]:
    """Reads and checks the recipe of a shard, as JSON, and its videos.

    Raises MotionFitError if the shard is damaged or of another kind.
    """
    try:
        about = [bytes(file.attrs[name]) for name in ("kind", "recipe")]
        arrays = [own_array(file, name)[:] for name in LISTS]
        if int(file.attrs["checksum"]) != checksum(*about, *arrays):
            raise ValueError("the checksum of its list of videos does not match")
        of_kind, recipe = (text.decode() for text in about)
        names = [video.decode() for video in arrays[0]]
        lengths, rates = (array.tolist() for array in arrays[2:])
        height, width = json.loads(recipe)["size"]
        if not (
            height > 0 and width > 0 and len(names) == len(set(names)) == len(lengths) == len(rates)
        ):
            raise ValueError("its list of videos is inconsistent")
        if not all(isinstance(length, int) and length > 0 for length in lengths):
            raise ValueError("it has videos without frames")
        if not all(isinstance(rate, float) and 0 < rate < np.inf for rate in rates):
            raise ValueError("it has videos without a frame rate")
    except BROKEN as error:
        raise damaged(path, f"it is not a complete shard: {error}") from None
    if of_kind != kind:
        raise MotionFitError(f"{path} contains {of_kind}, not {kind}")
    return recipe, {
        video: _Place(path, f"{i:06d}", length, rate)
        for i, (video, length, rate) in enumerate(zip(names, lengths, rates, strict=True))
    }


def find(file: h5py.File, place: _Place) -> _Stored:
    """Finds the arrays of a video, without reading its data. Raises ValueError if the arrays are
    inconsistent."""
    data, all_offsets, sums = (
        own_array(file, f"{group}/{place.name}") for group in ("data", "offsets", "checksums")
    )
    offsets, checksums = all_offsets[:], sums[:]
    if (
        offsets.shape != (place.length + 1,)
        or checksums.shape != (place.length,)
        or (offsets[0], offsets[-1]) != (0, data.size)
        or (np.diff(offsets) < 0).any()
    ):
        raise ValueError("its offsets do not fit its frames")
    return _Stored(place, data, offsets, checksums)


def own_array(file: h5py.File, name: str, dimensions: int = 1) -> h5py.Dataset:
    """An array that is stored in the file itself, uncompressed. An array in a file from elsewhere
    could refer to other files, or expand to a huge size. Raises ValueError for such arrays."""
    for part in filter(None, (name.rpartition("/")[0], name)):
        if not isinstance(file.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"{part} is missing in it")
    array = file[name]
    if not isinstance(array, h5py.Dataset) or array.ndim != dimensions:
        raise ValueError(f"{name} is not an array with {dimensions} dimension(s)")
    stored = array.id.get_storage_size()
    if array.chunks or array.external or array.is_virtual or stored != array.nbytes:
        raise ValueError(f"{name} is not stored uncompressed in the file itself")
    return array


def text_array(texts: Sequence[str]) -> np.ndarray:
    """An array (N,) of UTF-8 texts of fixed width. Unlike HDF5's texts of variable width, they are
    stored in the array itself."""
    return np.array([text.encode() for text in texts], dtype="S")


def checksum(*parts: bytes | np.ndarray) -> int:
    """The CRC-32 of the bytes of texts and arrays."""
    value = 0
    for part in parts:
        value = zlib.crc32(np.ascontiguousarray(part).tobytes(), value)
    return value


def open_shard(path: Path) -> h5py.File:
    """Opens a shard for reading. Raises MotionFitError if it can't be read or is damaged."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        # Errors of the system (no such file, too many open files) have a number. Errors about a
        # file that is not HDF5, or not complete, have none.
        if error.errno:
            raise MotionFitError(f"{path} can't be read ({os.strerror(error.errno)})") from None
        raise damaged(path, str(error)) from None
