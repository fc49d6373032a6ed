"""Functions that all data set formats share: they find videos, read lists and CSV files, and report
what is missing."""

import csv
import errno
import io
import logging
import os
import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from motionfit.errors import MotionFitError
from motionfit.records import SUFFIX

_SUFFIXES = (
    # MP4, QuickTime and their variants from cameras
    ".mp4 .m4v .mov .qt .3gp .3gpp .3g2 .3gp2 .f4v .ismv .mj2 .mqv .insv .lrv "
    # other containers
    ".mkv .mk3d .webm .avi .divx .xvid .flv .kux .asf .wmv .dvr-ms .wtv .rm .rmvb .rv .ivr "
    ".ogv .ogm .nsv .nut .nuv .viv .swf "
    # MPEG: programme streams, discs, camcorders, transport streams
    ".mpg .mpeg .mpe .mpv .m1v .m2v .mp2v .m2p .vob .vro .evo .mod .tod .pva .ts .mts .m2ts "
    ".m2t .mpegts .tp .trp .ssif "
    # studios, special cameras, animations
    ".mxf .gxf .lxf .dv .dif .dav .cine .mlv .ser .gif .apng .amv .flc .fli .bik .smk .roq "
    # video streams without a container
    ".h264 .264 .avc .h26l .h265 .265 .hevc .h266 .266 .vvc .h261 .h263 .mjpg .mjpeg .obu "
    ".av1 .ivf .y4m .vc1 .drc .dirac .vc2 .cavs .avs2 .avs3 .evc .apv .dnxhd .dnxhr "
)
VIDEO_SUFFIXES = frozenset(_SUFFIXES.split())
"""Suffixes of files that FFmpeg reads as videos. Suffixes that usually mean something else, such as
.dat, .bin and .ogg, are left out, and so are images."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters that end a line or are invisible, and so do not survive in lists and CSV files."""

log = logging.getLogger(__name__)


class Tree(NamedTuple):
    """The content of a folder, without hidden files: sorted paths relative to it, with forward
    slashes."""

    videos: list[str]
    others: list[str]
    """Files without the suffix of a video."""
    dangling: list[str]
    """Links to missing files."""
    folders: list[str]
    """Folders at the first level."""


def scan_videos(folder: Path) -> list[str]:
    """The sorted ids of all videos below `folder`: paths relative to it, with forward slashes.

    Raises MotionFitError like `scan`.
    """
    return scan(folder).videos


def scan(folder: Path) -> Tree:
    """Lists the content of a folder at any depth. Hidden files and folders are skipped, and links
    are followed.

    Raises MotionFitError if the folder is missing or can't be read, if it contains no video, or if
    the name of a video can't be written to the index.
    """
    need_folder(folder, "videos", "give the folder that contains the videos")
    tree = Tree([], [], [], [])
    try:
        _walk(folder, "", frozenset(), tree)
    except OSError as error:
        raise MotionFitError(
            f"videos: {error.filename} can't be read ({error.strerror}): check its permissions"
        ) from None
    for names in tree:
        names.sort()
    if not tree.videos:
        raise MotionFitError(
            f"videos: there is no video below {folder}: give the folder that contains the videos, "
            "whose names end in .mp4, .avi, .mkv or a similar suffix "
            f"({'; '.join(_ignored(tree)) or 'it contains no files'})"
        )
    _check_names(folder, tree.videos)
    return tree


def _check_names(folder: Path, videos: list[str]) -> None:
    """Raises MotionFitError if the name of a video can't be written to the index."""
    if CONTROL.search(str(folder)):
        raise MotionFitError(
            f"videos: the name of the folder {str(folder)!a} contains a control character: rename "
            "it"
        )
    together = "/".join(videos)
    if together.isascii() and not CONTROL.search(together):
        return
    for video in videos:
        try:
            video.encode()
        except UnicodeEncodeError:
            raise MotionFitError(
                f"videos: below {folder}, the name {video!a} is not UTF-8: rename the file"
            ) from None
        if CONTROL.search(video):
            raise MotionFitError(
                f"videos: below {folder}, the name {video!a} contains a control character, such as "
                "a line break: rename the file or its folder"
            )


def warn_of_names(folder: Path, tree: Tree, lists: Collection[Path] = ()) -> None:
    """Warns of files below a folder that are ignored, and of names that look the same. Records, and
    the files and folders `lists`, cause no warning."""
    others = [name for name in tree.others if not name.endswith(SUFFIX)]
    for path in lists:
        known = os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
        others = [name for name in others if not f"{name}/".startswith(f"{known}/")]
    for line in _ignored(tree._replace(others=others)):
        log.warning("below %s, %s", folder, line)
    if twins := _twins(tree.videos):
        log.warning(
            "below %s, some names differ only in their Unicode form (NFC, NFD); their videos "
            "count as different videos of one class: %s",
            folder,
            few([ascii(name) for name in twins], 4),
        )


def _ignored(tree: Tree) -> list[str]:
    """A message about the files that are not videos, and one about dangling links, if any."""
    lines = []
    if tree.others:
        examples = {suffix_of(name): name for name in reversed(tree.others)}
        counts = Counter(map(suffix_of, tree.others)).most_common()
        kinds = [
            f"{count} {suffix or 'without a suffix'} (such as {examples[suffix]})"
            for suffix, count in counts
        ]
        lines.append(f"ignored, since without the suffix of a video: {few(kinds, 6)}")
    if tree.dangling:
        lines.append(f"ignored, since links to missing files: {few(tree.dangling)}")
    return lines


def _twins(videos: list[str]) -> list[str]:
    """The videos and folders whose names equal another name in NFC."""
    names = {name for name in videos if not name.isascii()}
    for video in list(names):
        while video := posixpath.dirname(video):
            names.add(video)
    counts = Counter(map(nfc, names))
    return sorted((name for name in names if counts[nfc(name)] > 1), key=lambda n: (nfc(n), n))


def nfc(text: str) -> str:
    """The text in the Unicode form NFC, which most systems use. macOS writes an ö in a file name
    with other bytes."""
    return unicodedata.normalize("NFC", text)


def suffix_of(name: str) -> str:
    """The suffix of a name, in lower case, with its dot and without trailing white space."""
    return posixpath.splitext(name)[1].rstrip().lower()


def need_folder(folder: Path, key: str, advice: str) -> None:
    """Raises MotionFitError if the folder that the config's `key` names is missing."""
    try:
        if folder.is_dir():
            return
    except OSError as error:
        raise MotionFitError(f"{key}: {folder} can't be read: {error.strerror}") from None
    raise MotionFitError(f"{key}: there is no folder {folder}: {advice}")


def _walk(folder: Path, prefix: str, above: frozenset[str], tree: Tree) -> None:
    here = os.path.realpath(folder)
    if here in above:
        return  # a link to a folder that contains the link
    with os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            if entry.name.startswith("."):
                continue
            kind = _kind(entry)
            if kind == "folder":
                if not prefix:
                    tree.folders.append(name)
                _walk(Path(entry.path), f"{name}/", above | {here}, tree)
            elif not kind and entry.is_symlink():
                tree.dangling.append(name)
            elif kind == "file" and suffix_of(entry.name) in VIDEO_SUFFIXES:
                tree.videos.append(name)
            else:
                tree.others.append(name)


def _kind(entry: os.DirEntry) -> str:
    """`folder`, `file`, or '' for anything else.

    The listing of the parent folder contains the kind, so only links need an access to the disk.
    """
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else ""
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):  # a link to itself or to a path in a file
            return ""
        raise


def read_text(path: Path, key: str) -> str:
    """The text of the UTF-8 file, with or without a byte-order mark, that the config's `key` names.

    Raises MotionFitError if the file can't be read or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MotionFitError(
            f"{key}: {path} is not UTF-8 text (byte {error.start + 1}): save it as UTF-8"
        ) from None
    except OSError as error:
        raise MotionFitError(f"{key}: {path} can't be read: {error.strerror}") from None


def read_csv(
    path: Path, key: str, columns: Collection[str], exact: Collection[str] = ()
) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file as (line number, {column: text}), without empty lines.

    Spaces around fields are removed, except in the columns `exact`. Raises MotionFitError if one of
    `columns` is missing, a column appears twice, or a row and the header have different numbers of
    fields.
    """
    reader = csv.reader(io.StringIO(read_text(path, key), newline=""), strict=True)
    rows = []
    try:
        header = [name.strip() for name in next(reader, [])]
        if twice := [name for name in header if name and header.count(name) > 1]:
            raise MotionFitError(
                f"{key}: {path} has the column {twice[0]!r} twice: remove one of them"
            )
        if missing := [column for column in columns if column not in header]:
            raise MotionFitError(
                f"{key}: {path} lacks the column(s) {', '.join(missing)} "
                f"(its first line is: {','.join(header)})"
            )
        for fields in reader:
            if not "".join(fields).strip() and len(fields) < 2:
                continue
            if len(fields) != len(header):
                raise MotionFitError(
                    f"{key}: {path}, line {reader.line_num}: {len(fields)} fields, but the first "
                    f"line names {len(header)} columns: put a field with a comma in quotes"
                )
            row = dict(zip(header, fields, strict=True))
            row |= {name: row[name].strip() for name in header if name not in exact}
            rows.append((reader.line_num, row))
    except csv.Error as error:
        raise MotionFitError(f"{key}: {path}, line {reader.line_num}: {error}") from None
    return rows


def few(names: list[str], count: int = 3) -> str:
    """The first `count` names of a list and the number of the others, for a message in one line.
    Names with control characters are escaped."""
    rest = len(names) - count
    shown = [ascii(name) if CONTROL.search(name) else name for name in names[:count]]
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")


def index_frame(folder: Path, rows: list[dict[str, str]], splits: list[str]) -> pd.DataFrame:
    """A table with the text columns video, path, label, group and the `splits`, sorted by video.

    Labels and groups are converted to NFC, so that two Unicode forms of a name count as one.
    """
    index = pd.DataFrame(rows, columns=["video", "label", "group", *splits], dtype=str)
    index = index.sort_values("video", ignore_index=True)
    for column in ("label", "group"):
        index[column] = index[column].str.normalize("NFC")
    # The same as `folder / video`, which takes seconds for hundreds of thousands of videos.
    prefix = str(folder / "_")[:-1]
    index.insert(1, "path", prefix + index["video"])
    return index


def report_missing(
    folder: Path, missing: list[str], listed: int, advice: str, shown: int = 3, counts: str = ""
) -> None:
    """Warns of listed videos that are missing; `counts` says how many of each part. Raises
    MotionFitError if all `listed` videos are missing: the message shows the names of `shown` of
    them and ends with the `advice`."""
    if missing and len(missing) == listed:
        raise MotionFitError(
            f"videos: {folder} contains none of the {listed} videos that the annotations list, "
            f"such as {few(missing, shown)}: {advice}"
        )
    if missing:
        log.warning(
            "%s lacks %d of the %d listed videos%s: %s",
            folder,
            len(missing),
            listed,
            counts,
            few(missing),
        )
