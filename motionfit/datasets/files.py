"""What the adapters share: finding videos, reading lists and CSV files, naming what is missing."""

import csv
import io
import logging
import os
import posixpath
from collections.abc import Callable, Collection, Iterator
from pathlib import Path, PurePosixPath

import pandas as pd

from motionfit.errors import MotionFitError

VIDEO_SUFFIXES = (
    *(".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg"),
    *(".wmv", ".flv", ".3gp", ".ogv", ".ts"),
)

log = logging.getLogger(__name__)


def scan_videos(folder: Path) -> list[str]:
    """The ids of all videos below `folder`, sorted: paths below it, with forward slashes.

    Hidden files and folders are skipped; links are followed. Raises MotionFitError where the folder
    is missing, can't be read, or holds no video.
    """
    need_folder(folder, "videos", "give the folder that holds the videos")
    try:
        videos = sorted(_walk(folder, "", frozenset()))
    except OSError as error:
        raise MotionFitError(
            f"videos: {error.filename} can't be read ({error.strerror}): see to its permissions"
        ) from None
    if not videos:
        raise MotionFitError(
            f"videos: there is no video below {folder}: give the folder that holds the videos "
            f"(their names end in {', '.join(VIDEO_SUFFIXES)})"
        )
    for video in videos:
        if not _is_unicode(video):
            raise MotionFitError(
                f"videos: below {folder}, the name {video!a} is not UTF-8: rename the file"
            )
    return videos


def need_folder(folder: Path, key: str, what_to_do: str) -> None:
    """Raises MotionFitError where the folder that the config's `key` names is missing."""
    try:
        if folder.is_dir():
            return
    except OSError as error:
        raise MotionFitError(f"{key}: {folder} can't be read: {error.strerror}") from None
    raise MotionFitError(f"{key}: there is no folder {folder}: {what_to_do}")


def _walk(folder: Path, prefix: str, above: frozenset[str]) -> Iterator[str]:
    here = os.path.realpath(folder)
    if here in above:
        return  # a link to a folder that holds it
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/", above | {here})
            elif entry.name.lower().endswith(VIDEO_SUFFIXES) and entry.is_file():
                yield prefix + entry.name


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_text(path: Path, key: str) -> str:
    """The text of a UTF-8 file, with or without a byte-order mark, that the config's `key` names.

    Raises MotionFitError where it is missing or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MotionFitError(
            f"{key}: {path} is not UTF-8 text (byte {error.start + 1}): save it as UTF-8"
        ) from None
    except OSError as error:
        raise MotionFitError(f"{key}: {path} can't be read: {error.strerror}") from None


def read_csv(path: Path, key: str, columns: Collection[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file as (line number, {column: text}); lines that are empty are left out.

    Spaces around a field are dropped. Raises MotionFitError where one of `columns` is lacking, a
    column comes twice, or a row has another number of fields than the header.
    """
    reader = csv.reader(io.StringIO(read_text(path, key), newline=""), strict=True)
    rows = []
    try:
        header = [name.strip() for name in next(reader, [])]
        if twice := [name for name in header if name and header.count(name) > 1]:
            raise MotionFitError(
                f"{key}: {path} has the column {twice[0]!r} twice: take one of them out"
            )
        lacking = [column for column in columns if column not in header]
        if lacking:
            raise MotionFitError(
                f"{key}: {path} lacks the column(s) {', '.join(lacking)} "
                f"(its first line is: {','.join(header)})"
            )
        for fields in reader:
            if not "".join(fields).strip() and len(fields) < 2:
                continue
            if len(fields) != len(header):
                raise MotionFitError(
                    f"{key}: {path}, line {reader.line_num}: {len(fields)} fields, but the first "
                    f"line names {len(header)} columns: put a field that holds a comma in quotes"
                )
            values = (field.strip() for field in fields)
            rows.append((reader.line_num, dict(zip(header, values, strict=True))))
    except csv.Error as error:
        raise MotionFitError(f"{key}: {path}, line {reader.line_num}: {error}") from None
    return rows


def few(names: list[str], count: int = 3) -> str:
    """The first names of a long list, for a message."""
    rest = len(names) - count
    return ", ".join(names[:count]) + (f" and {rest} more" if rest > 0 else "")


def index_frame(folder: Path, rows: list[dict[str, str]], splits: list[str]) -> pd.DataFrame:
    """The adapters' table: video, path, label, group and the `splits`, all text, by video."""
    index = pd.DataFrame(rows, columns=["video", "label", "group", *splits], dtype=str)
    index = index.sort_values("video", ignore_index=True)
    # As `folder / video` writes it, which takes seconds for hundreds of thousands.
    before = str(folder / "_")[:-1]
    index.insert(1, "path", before + index["video"])
    return index


def index_lists(
    folder: Path,
    listed: dict[str, dict[str, str]],
    splits: list[str],
    group_of: Callable[[str, str], str],
) -> pd.DataFrame:
    """The table of a data set with a folder a class, whose splits come from lists.

    `listed` gives the cells of the split columns for each `CLASS/NAME.avi`; `group_of(label, stem)`
    the group of a video. Case and suffix may differ between the lists and the disk: UCF101 has both
    HandstandPushups and HandStandPushups, and some keep their copy as .mp4. A video in no list has
    empty split cells; listed ones that are missing are left out, with a warning. Raises
    MotionFitError where all are missing, or one is listed in two parts of a split.
    """
    if not listed:
        raise MotionFitError("annotations: the split lists are empty: give the official ones")
    cells: dict[str, dict[str, str]] = {}
    for name, splits_of in listed.items():
        known = cells.setdefault(_key(name), {})
        for column, part in splits_of.items():
            if known.setdefault(column, part) != part:
                raise MotionFitError(
                    f"annotations: {name} is listed twice for {column}, in capitals and small "
                    f"letters that differ, and not as the same: take one out"
                )
    videos = scan_videos(folder)
    present = {_key(video) for video in videos}
    missing = [name for name in listed if _key(name) not in present]
    if len(missing) == len(listed):
        raise MotionFitError(
            f"videos: {folder} holds none of the {len(listed)} videos that the annotations list, "
            f"such as {few(missing, 1)}: give the folder that holds a folder a class"
        )
    if missing:
        log.warning(
            "%s lacks %d of the %d listed videos: %s",
            folder, len(missing), len(listed), few(missing),
        )  # fmt: skip
    rows = []
    for video in videos:
        label, stem = PurePosixPath(video).parent.name, PurePosixPath(video).stem
        empty = dict.fromkeys(splits, "")
        row = {"video": video, "label": label, "group": group_of(label, stem)}
        rows.append(row | empty | cells.get(_key(video), {}))
    return index_frame(folder, rows, splits)


def _key(name: str) -> str:
    return posixpath.splitext(name)[0].casefold()


def split_lists(folder: Path, pattern: str) -> list[Path]:
    """The split lists in the folder of the annotations, sorted.

    Raises MotionFitError where the folder is missing or has none.
    """
    what_to_do = "give the folder of the official split lists"
    need_folder(folder, "annotations", what_to_do)
    lists = sorted(folder.glob(pattern))
    if not lists:
        raise MotionFitError(f"annotations: {folder} has no split list ({pattern}): {what_to_do}")
    return lists
