"""The commands that use a model: classes, features, search and export.

PyTorch is imported when a command runs, so that `--help` and a wrong path do not wait for it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from motionfit.errors import MotionFitError
from motionfit.files import check_writable
from motionfit.options import CORES, ClipsPerVideo, Count, Seconds, Threads, VideoNames
from motionfit.use.cut import Cut


def predict(
    *videos: VideoNames,
    model: Path,
    clips: ClipsPerVideo | None = None,
    windows: Seconds | None = None,
    every: Seconds | None = None,
    top: Count | None = None,
    format: Literal["table", "json", "csv"] | None = None,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    overlay: Path | None = None,
    threads: Threads = CORES,
) -> int:
    """Classify videos with a fine-tuned model, from RGB alone.

    Parameters
    ----------
    model
        The model.pt of a fine-tuned model.
    clips
        Clips per video or window (default: as many as the model's evaluation took).
    windows
        Classify windows of this many seconds instead of the whole video.
    every
        Start a window every so many seconds, so that windows overlap (default: one window after the
        other).
    top
        Classes in a table (default: 5; of a window 1).
    format
        Tables show the most probable classes; JSON and CSV have all classes (default: by the suffix
        of `--output`, otherwise tables).
    output
        Write the result to this file instead of printing it.
    overlay
        Write the video, which must be one, to this MP4 file, with the most probable class drawn in.
    """
    found = need_videos(model, videos)
    cut = need_cut(windows, every)
    if overlay:
        if len(found) > 1:
            raise MotionFitError(f"--overlay takes one video, but there are {len(found)}")
        if overlay.suffix.lower() != ".mp4":
            raise MotionFitError(f"{overlay}: the overlay is an MP4 file, so name it .mp4")
    need_other_files((*found, model), (output, overlay))

    from motionfit.use.model import Model
    from motionfit.use.predictions import predict_videos

    by_suffix = {".json": "json", ".csv": "csv"}
    form = format or by_suffix.get(output.suffix.lower() if output else "", "table")
    top = top or (1 if windows else 5)
    reader = Model(model, threads)
    return int(not predict_videos(reader, found, clips, cut, form, top, output, overlay))


def embed(
    *videos: VideoNames,
    model: Path,
    output: Annotated[Path, Parameter(alias="-o")],
    windows: Seconds | None = None,
    every: Seconds | None = None,
    threads: Threads = CORES,
) -> int:
    """Write the features of videos to a file, for search and for other programs.

    The features of a video are the mean of those of its clips, before the classifier. There are as
    many clips as in the model's evaluation.

    Parameters
    ----------
    model
        A model.pt on RGB.
    output
        File to write: Parquet (.parquet) or HDF5 (.h5, .hdf5), with video, start, end and features
        in each row.
    windows
        One row per window of this many seconds instead of one row per video.
    every
        Start a window every so many seconds, so that windows overlap (default: one window after the
        other).
    """
    found = need_videos(model, videos)
    cut = need_cut(windows, every)
    need_other_files((*found, model), (output,))

    from motionfit.use.embeddings import check_suffix, embed_videos
    from motionfit.use.model import Model

    check_suffix(output)
    return int(not embed_videos(Model(model, threads), found, cut, output))


def search(
    query: Path,
    /,
    *,
    index: Path,
    model: Path,
    top: Count = 10,
    sheet: Path | None = None,
    threads: Threads = CORES,
) -> None:
    """Find the clips of an index that are nearest to a query video.

    The index is a file that `motionfit embed` wrote. The order is by cosine similarity of features.

    Parameters
    ----------
    query
        Video file.
    index
        File of features.
    model
        The model.pt that made the index.
    top
        Clips to find.
    sheet
        Write a contact sheet to this PNG file: frames of the query on top, below it one row per
        clip.
    """
    need_model(model)
    if sheet and sheet.suffix.lower() != ".png":
        raise MotionFitError(f"{sheet}: the contact sheet is a PNG file, so name it .png")
    if sheet:
        need_other_files((query, index, model), (sheet,))
        check_writable(sheet)

    from motionfit.use.model import Model
    from motionfit.use.search import print_hits, search
    from motionfit.use.sheet import write_sheet

    embedding, hits = search(Model(model, threads), query, index, top)
    print_hits(hits)
    if sheet:
        write_sheet(query, embedding, hits, sheet)


def export(
    model: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    format: Literal["onnx", "torch"] = "onnx",
) -> None:
    """Export a fine-tuned model for use without MotionFit.

    The graph takes frames (B, L, H, W, 3) uint8 and gives class probabilities (B, K), for any
    number of clips B. Cropping and normalisation are inside it.

    Parameters
    ----------
    model
        The model.pt of a fine-tuned model.
    output
        Folder to write: model.onnx or model.pt2, and preprocessing.json, which says how to prepare
        videos.
    format
        `onnx` for ONNX Runtime and others, `torch` for PyTorch (torch.export).
    """
    need_model(model)

    from motionfit.use.export import FILES, export
    from motionfit.use.model import Model

    difference = export(Model(model), format, output)
    print(f"wrote {output / FILES[format]} and {output / 'preprocessing.json'}")
    runtime = {"onnx": "ONNX Runtime", "torch": "torch.export"}[format]
    print(f"checked: {runtime} and the model differ by {difference:.1g} at most")


def about(model: Path, /) -> None:
    """Print what a model needs and where it comes from.

    Parameters
    ----------
    model
        A model.pt.
    """
    need_model(model)

    from motionfit.use.about import print_about

    print_about(model)


def need_cut(windows: float | None, every: float | None) -> Cut | None:
    """The windows that `--windows` and `--every` ask for. Raises MotionFitError if they do not fit
    each other."""
    if windows is None:
        if every:
            raise MotionFitError("--every says how often a window starts: give --windows, too")
        return None
    if every and every > windows:
        raise MotionFitError(
            f"--every {every:g} would leave gaps: give {windows:g} at most, the length of a window"
        )
    return Cut(windows, every or windows)


def need_videos(model: Path, videos: Sequence[Path]) -> list[Path]:
    """The video files that the arguments of a command stand for.

    Raises MotionFitError if there are none, or if the model is missing: before PyTorch is imported,
    which takes seconds.
    """
    from motionfit.use.videos import find_videos

    if not videos:
        raise MotionFitError("there are no videos: name files, folders or patterns")
    need_model(model)
    return find_videos(videos)


def need_other_files(inputs: Sequence[Path], outputs: Sequence[Path | None]) -> None:
    """Raises MotionFitError if a command would write to one of its inputs, or twice to one file."""
    written = [path.resolve() for path in outputs if path]
    if len(set(written)) < len(written) or {path.resolve() for path in inputs} & set(written):
        raise MotionFitError("the files to write and the files to read must be different files")


def need_model(model: Path) -> None:
    """Raises MotionFitError if a model file is missing."""
    if model.is_dir():
        raise MotionFitError(f"{model} is a folder: give the model.pt in it")
    if not model.is_file():
        raise MotionFitError(f"there is no model at {model}")
