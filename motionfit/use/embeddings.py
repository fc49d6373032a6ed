"""Features of videos in a Parquet or HDF5 file, one row per video or per window.

A Parquet file has the columns `video` (path as it was given), `start`, `end` (seconds) and `f0`,
`f1`, ... (float32). The checksum of the model and the version are in `attrs`, which
`pandas.read_parquet` restores. Layout of an HDF5 file with N rows and D features::

    /         attributes: model (SHA-256 of the model file), motionfit (version)
    /video    (N,) text     path as it was given, UTF-8
    /start    (N,) float64  seconds
    /end      (N,) float64  seconds
    /features (N, D) float32
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from motionfit import __version__
from motionfit.errors import MotionFitError
from motionfit.files import check_writable, replacing
from motionfit.store.hdf5 import new_hdf5
from motionfit.store.shards import open_shard, own_array, text_array
from motionfit.use.cut import Cut
from motionfit.use.model import Model
from motionfit.use.progress import VideoProgress
from motionfit.use.windows import check_cut

PARQUET, HDF5 = (".parquet",), (".h5", ".hdf5")


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Features of N videos or windows."""

    model: str
    """Checksum of the model that made them."""
    videos: list[str]
    starts: np.ndarray
    """(N,) seconds."""
    ends: np.ndarray
    """(N,) seconds."""
    features: np.ndarray
    """(N, D) float32."""


def embed_videos(model: Model, videos: Sequence[Path], cut: Cut | None, output: Path) -> bool:
    """Writes the features of videos, or of windows of them, to a file.

    Returns whether all videos could be read. An error line is printed for each of the others.
    Raises MotionFitError if none could be read.
    """
    check_writable(output)
    if cut:
        check_cut(cut, model.about)
    rows = []
    progress = VideoProgress(len(videos))

    def work(video: Path) -> None:
        of_video = []
        for embedding in model.embeddings(video, cut):
            of_video.append((str(video), embedding.start, embedding.end, embedding.features))
            progress.reached(embedding.end)
        rows.extend(of_video)

    complete = progress.through(videos, work)
    if not rows:
        raise MotionFitError(f"no video could be read, so {output} is not written")
    names, starts, ends, features = zip(*rows, strict=True)
    embeddings = Embeddings(
        checksum(model.path), list(names), np.array(starts), np.array(ends), np.stack(features)
    )
    write_embeddings(embeddings, output)
    print(f"wrote {output}: {len(names)} rows, {embeddings.features.shape[1]} features each")
    return complete


def checksum(model: Path) -> str:
    """The SHA-256 of a model file."""
    with model.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_suffix(path: Path) -> None:
    """Raises MotionFitError if the suffix of a file of features is unknown."""
    if path.suffix.lower() not in PARQUET + HDF5:
        raise MotionFitError(
            f"{path}: features are in a Parquet or an HDF5 file, so name it {', '.join(PARQUET)}, "
            f"{' or '.join(HDF5)}"
        )


def write_embeddings(embeddings: Embeddings, path: Path) -> None:
    """Writes features in the format of the suffix."""
    check_suffix(path)
    about = {"model": embeddings.model, "motionfit": __version__}
    columns = {"video": embeddings.videos, "start": embeddings.starts, "end": embeddings.ends}
    if path.suffix.lower() in HDF5:
        with new_hdf5(path) as file:
            file["video"] = text_array(embeddings.videos)
            file["start"], file["end"] = embeddings.starts, embeddings.ends
            file["features"] = embeddings.features
            file.attrs.update(about)
        return
    names = [f"f{i}" for i in range(embeddings.features.shape[1])]
    features = pd.DataFrame(embeddings.features, columns=names)
    table = pd.concat([pd.DataFrame(columns), features], axis=1)
    table.attrs = about
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False, engine="pyarrow")


def read_embeddings(path: Path) -> Embeddings:
    """Reads features that `write_embeddings` wrote. Raises MotionFitError if the file is missing or
    holds something else."""
    check_suffix(path)
    if not path.is_file():
        raise MotionFitError(f"there is no file {path}: `motionfit embed` writes it")
    try:
        return read_hdf5(path) if path.suffix.lower() in HDF5 else read_parquet(path)
    except MotionFitError:
        raise
    except Exception as error:  # a damaged file can raise nearly any exception
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise MotionFitError(
            f"{path} is no file of features ({reason}): write it with `motionfit embed`"
        ) from None


def read_hdf5(path: Path) -> Embeddings:
    """Raises one of many exceptions if the file holds something else."""
    with open_shard(path) as file:
        return Embeddings(
            str(file.attrs["model"]),
            [name.decode() for name in own_array(file, "video")[:]],
            own_array(file, "start")[:],
            own_array(file, "end")[:],
            own_array(file, "features", 2)[:],
        )


def read_parquet(path: Path) -> Embeddings:
    """Raises one of many exceptions if the file holds something else."""
    table = pd.read_parquet(path, engine="pyarrow")
    names = [f"f{i}" for i in range(len(table.columns) - 3)]
    return Embeddings(
        table.attrs["model"],
        table["video"].tolist(),
        table["start"].to_numpy(),
        table["end"].to_numpy(),
        table[names].to_numpy(np.float32),
    )
