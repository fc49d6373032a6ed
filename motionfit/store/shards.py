"""HDF5 shards: many videos a file, each as one contiguous byte array with an offset a frame.

Layout of a shard::

    /            attributes: kind ('frames' or 'flow'), recipe (JSON text), checksum (of these two
                 and of the four arrays that follow)
    /videos      (V,) text      ids, in the order they were added
    /sources     (V,) text      paths of the video files
    /lengths     (V,) int64     frames a video
    /rates       (V,) float64   frames a second of each video, as they are stored
    /data/000000 (N,) uint8     the encoded frames of the first video, one after the other
    /offsets/000000 (T+1,) int64  frame t is bytes[offsets[t]:offsets[t+1]]
    /checksums/000000 (T,) uint32  CRC-32 of each frame

so a clip of adjacent frames is one read. Every frame is checked as it is read, so that a file that
a disk or a copy has damaged is never learned from, and costs no extra pass over the data. What HDF5
itself writes has its own checksums in the version of the format that is used. A file may come from
another machine: what it says of itself is checked before it is believed.
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
"""Files that a process keeps open: a system allows some 1000, and a data set may have more."""

LISTS = ("videos", "sources", "lengths", "rates")
"""Arrays of a shard with an entry a video."""

BROKEN = (OSError, KeyError, TypeError, ValueError, RuntimeError)
"""What reading a file that is not as it was written raises."""


class ShardWriter:
    """Adds videos to a shard that is open for writing."""

    def __init__(self, file: h5py.File):
        self._file = file
        for name in ("data", "offsets", "checksums"):
            file.create_group(name)  # one that is made on the way to an array has a date in it
        self._videos: list[str] = []
        self._sources: list[str] = []
        self._lengths: list[int] = []
        self._rates: list[float] = []

    def add(self, video: str, frames: Sequence[bytes], source: str, rate: float) -> None:
        """Adds a video as its encoded frames, `rate` of them a second; `source`: the path of its
        file."""
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
    """Writes a shard under a temporary name, which becomes `path` when the block ends well.

    `recipe`: how its frames or flow are made, with at least `size` (height, width) and `fps`.
    """
    with new_hdf5(path) as file:
        # Of fixed width: HDF5 reads texts of any width without end where one bit of them is wrong.
        file.attrs["kind"] = np.bytes_(kind.encode())
        file.attrs["recipe"] = np.bytes_(json.dumps(recipe, sort_keys=True).encode())
        writer = ShardWriter(file)
        yield writer
        writer.finish()


class _Place(NamedTuple):
    """Where a video is stored."""

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

    A file is opened in the process that reads it, at the first read, so that the collection can be
    handed to worker processes: HDF5 handles do not survive a fork.
    """

    def __init__(self, paths: Sequence[Path], kind: str):
        self._places: dict[str, _Place] = {}
        self._open: dict[Path, h5py.File] = {}
        self._found: _Stored | None = None
        self._process = os.getpid()
        self.bytes = {path.name: path.stat().st_size for path in paths if path.is_file()}
        """Name to size of each shard's file."""
        recipes: dict[str, Path] = {}
        for path in paths:
            with open_shard(path) as file:
                recipe, places = read_contents(file, path, kind)
            recipes.setdefault(recipe, path)
            for video, place in places.items():
                if video in self._places:
                    other = self._places[video].path
                    raise MotionFitError(
                        f"{path} and {other} both hold {video}, so one of them is no shard of this "
                        "data set: delete both and run again to make them anew"
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
        """Frames a second of a video, as they are stored."""
        return self._places[video].rate

    def path(self, video: str) -> Path:
        """The shard that holds a video."""
        return self._places[video].path

    def source(self, video: str) -> str:
        """The path of the file that a video was decoded from."""
        place = self._places[video]
        return self._file(place.path)["sources"][int(place.name)].decode()

    def read(self, video: str, start: int, length: int) -> list[np.ndarray]:
        """The encoded frames start..start+length-1 of a video, each (bytes,) uint8, by one read.

        Raises MotionFitError where the file can't be read, or is not as it was written.
        """
        place = self._places[video]
        file = self._file(place.path)
        try:
            # A multi-clip is several reads of one video, and finding it takes as long as reading.
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
                raise damaged(place.path, f"frame {t} of {video} has another checksum")
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
    """What a shard says that it holds; None where it says nothing. Raises MotionFitError where it
    can't be read."""
    with open_shard(path) as file:
        try:
            return bytes(file.attrs["kind"]).decode() if "kind" in file.attrs else None
        except BROKEN as error:
            raise damaged(path, f"it is no whole shard: {error}") from None


def read_contents(file: h5py.File, path: Path, kind: str) -> tuple[str, dict[str, _Place]]:
    """The recipe of a shard, as JSON, and its videos, when all of that is as it was written.

    Raises MotionFitError where it is not, or the shard is of another kind.
    """
    try:
        about = [bytes(file.attrs[name]) for name in ("kind", "recipe")]
        arrays = [own_array(file, name)[:] for name in LISTS]
        if int(file.attrs["checksum"]) != checksum(*about, *arrays):
            raise ValueError("its list of videos has another checksum")
        of_kind, recipe = (text.decode() for text in about)
        names = [video.decode() for video in arrays[0]]
        lengths, rates = (array.tolist() for array in arrays[2:])
        height, width = json.loads(recipe)["size"]
        if not (
            height > 0 and width > 0 and len(names) == len(set(names)) == len(lengths) == len(rates)
        ):
            raise ValueError("its list of videos makes no sense")
        if not all(isinstance(length, int) and length > 0 for length in lengths):
            raise ValueError("it has videos of no length")
        if not all(isinstance(rate, float) and 0 < rate < np.inf for rate in rates):
            raise ValueError("it has videos of no frame rate")
    except BROKEN as error:
        raise damaged(path, f"it is no whole shard: {error}") from None
    if of_kind != kind:
        raise MotionFitError(f"{path} holds no {kind}, but {of_kind}")
    return recipe, {
        video: _Place(path, f"{i:06d}", length, rate)
        for i, (video, length, rate) in enumerate(zip(names, lengths, rates, strict=True))
    }


def find(file: h5py.File, place: _Place) -> _Stored:
    """The arrays of a video, its data unread. Raises ValueError where they do not fit together."""
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
        raise ValueError("its offsets are not those of its frames")
    return _Stored(place, data, offsets, checksums)


def own_array(file: h5py.File, name: str, dimensions: int = 1) -> h5py.Dataset:
    """An array of a file that holds it itself: one that comes from elsewhere could
    refer to other files, or to very much from very little. Raises ValueError."""
    for part in filter(None, (name.rpartition("/")[0], name)):
        if not isinstance(file.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"there is no {part} in it")
    array = file[name]
    if not isinstance(array, h5py.Dataset) or array.ndim != dimensions:
        raise ValueError(f"{name} is no array of {dimensions} dimension(s)")
    stored = array.id.get_storage_size()
    if array.chunks or array.external or array.is_virtual or stored != array.nbytes:
        raise ValueError(f"{name} is not stored as it is")
    return array


def text_array(texts: Sequence[str]) -> np.ndarray:
    """(N,) UTF-8 of one width: unlike HDF5's texts of any width, these lie in the array itself."""
    return np.array([text.encode() for text in texts], dtype="S")


def checksum(*parts: bytes | np.ndarray) -> int:
    """CRC-32 of the bytes of several texts and arrays."""
    value = 0
    for part in parts:
        value = zlib.crc32(np.ascontiguousarray(part).tobytes(), value)
    return value


def open_shard(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        # What the system refuses (no such file, too many open files) has a number; a file that is
        # no HDF5, or not all of one, has none.
        if error.errno:
            raise MotionFitError(f"{path} can't be read ({os.strerror(error.errno)})") from None
        raise damaged(path, str(error)) from None
