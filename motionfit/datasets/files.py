"""What the adapters share: finding videos, reading lists and CSV files, naming what is missing."""

import csv
import errno
import io
import logging
import os
import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd

from motionfit.errors import MotionFitError
from motionfit.records import SUFFIX

VIDEO_SUFFIXES = frozenset(
    (
        # MP4 and QuickTime, also as cameras write them
        ".mp4",
        ".m4v",
        ".mov",
        ".qt",
        ".3gp",
        ".3gpp",
        ".3g2",
        ".3gp2",
        ".f4v",
        ".ismv",
        ".mj2",
        ".mqv",
        ".insv",
        ".lrv",
        # other containers
        ".mkv",
        ".mk3d",
        ".webm",
        ".avi",
        ".divx",
        ".xvid",
        ".flv",
        ".kux",
        ".asf",
        ".wmv",
        ".dvr-ms",
        ".wtv",
        ".rm",
        ".rmvb",
        ".rv",
        ".ivr",
        ".ogv",
        ".ogm",
        ".nsv",
        ".nut",
        ".nuv",
        ".viv",
        ".swf",
        # MPEG: programme streams, discs, camcorders, transport streams
        ".mpg",
        ".mpeg",
        ".mpe",
        ".mpv",
        ".m1v",
        ".m2v",
        ".mp2v",
        ".m2p",
        ".vob",
        ".vro",
        ".evo",
        ".mod",
        ".tod",
        ".pva",
        ".ts",
        ".mts",
        ".m2ts",
        ".m2t",
        ".mpegts",
        ".tp",
        ".trp",
        ".ssif",
        # studios, special cameras, animations
        ".mxf",
        ".gxf",
        ".lxf",
        ".dv",
        ".dif",
        ".dav",
        ".cine",
        ".mlv",
        ".ser",
        ".gif",
        ".apng",
        ".amv",
        ".flc",
        ".fli",
        ".bik",
        ".smk",
        ".roq",
        # a picture without a container
        ".h264",
        ".264",
        ".avc",
        ".h26l",
        ".h265",
        ".265",
        ".hevc",
        ".h266",
        ".266",
        ".vvc",
        ".h261",
        ".h263",
        ".mjpg",
        ".mjpeg",
        ".obu",
        ".av1",
        ".ivf",
        ".y4m",
        ".vc1",
        ".drc",
        ".dirac",
        ".vc2",
        ".cavs",
        ".avs2",
        ".avs3",
        ".evc",
        ".apv",
        ".dnxhd",
        ".dnxhr",
    )
)
"""Ends of the names of files that FFmpeg reads as videos. Those that mean other things more often,
as .dat, .bin and .ogg do, are none, and neither are images."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What ends lines or is not seen, and so does not come through lists and CSV files."""

log = logging.getLogger(__name__)


class Tree(NamedTuple):
    """What lies below a folder: paths below it, with forward slashes, but for what is hidden."""

    videos: list[str]
    """Sorted, as all of these."""
    others: list[str]
    """Files whose names do not end as those of videos do."""
    dangling: list[str]
    """Links that lead nowhere."""
    folders: list[str]
    """The folders at the first level."""


def scan_videos(folder: Path) -> list[str]:
    """The ids of all videos below `folder`, sorted: paths below it, with forward slashes.

    Raises MotionFitError as `scan` does.
    """
    return scan(folder).videos


def scan(folder: Path) -> Tree:
    """Hidden files and folders are skipped; links are followed. Raises MotionFitError where the
    folder is missing, can't be read, or holds no video, or one whose name can't be written down."""
    need_folder(folder, "videos", "give the folder that holds the videos")
    tree = Tree([], [], [], [])
    try:
        _walk(folder, "", frozenset(), tree)
    except OSError as error:
        raise MotionFitError(
            f"videos: {error.filename} can't be read ({error.strerror}): see to its permissions"
        ) from None
    for names in tree:
        names.sort()
    if not tree.videos:
        raise MotionFitError(
            f"videos: there is no video below {folder}: give the folder that holds the videos, "
            "whose names end in .mp4, .avi, .mkv or the like "
            f"({'; '.join(_not_taken(tree)) or 'there is no file at all'})"
        )
    _check_names(folder, tree.videos)
    return tree


def _check_names(folder: Path, videos: list[str]) -> None:
    """Raises MotionFitError where a name can't be written to the index."""
    if CONTROL.search(str(folder)):
        raise MotionFitError(
            f"videos: the name of the folder {str(folder)!a} holds a control character: rename it"
        )
    together = "/".join(videos)
    if together.isascii() and not CONTROL.search(together):
        return
    for video in videos:
        if not _is_unicode(video):
            raise MotionFitError(
                f"videos: below {folder}, the name {video!a} is not UTF-8: rename the file"
            )
        if CONTROL.search(video):
            raise MotionFitError(
                f"videos: below {folder}, the name {video!a} holds a control character, such as "
                "the end of a line: rename the file or its folder"
            )


def warn_of_names(folder: Path, tree: Tree, lists: Collection[Path] = ()) -> None:
    """Warns of what is not taken below a folder, `lists`, what is in them and records aside, and of
    names that look the same."""
    tree = tree._replace(others=[name for name in tree.others if not name.endswith(SUFFIX)])
    for path in lists:
        known = os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
        kept = [name for name in tree.others if not f"{name}/".startswith(f"{known}/")]
        tree = tree._replace(others=kept)
    for line in _not_taken(tree):
        log.warning("below %s, %s", folder, line)
    if twins := _twins(tree.videos):
        log.warning(
            "below %s, names differ in nothing but their Unicode form (NFC, NFD), and their videos "
            "count as different ones of one class: %s",
            folder,
            few([ascii(name) for name in twins], 4),
        )


def _not_taken(tree: Tree) -> list[str]:
    """A line on the files that are no videos, and one on links that lead nowhere, if any."""
    lines = []
    if tree.others:
        examples = {suffix_of(name): name for name in reversed(tree.others)}
        counts = Counter(map(suffix_of, tree.others)).most_common()
        kinds = [
            f"{count} {suffix or 'without a suffix'} (such as {examples[suffix]})"
            for suffix, count in counts
        ]
        lines.append(f"not taken, since no name of a video: {few(kinds, 6)}")
    if tree.dangling:
        lines.append(f"not taken, since links that lead nowhere: {few(tree.dangling)}")
    return lines


def _twins(videos: list[str]) -> list[str]:
    """Those of the videos and their folders that are the same as another in NFC."""
    names = {name for name in videos if not name.isascii()}
    for video in list(names):
        while video := posixpath.dirname(video):
            names.add(video)
    counts = Counter(map(nfc, names))
    return sorted((name for name in names if counts[nfc(name)] > 1), key=lambda n: (nfc(n), n))


def nfc(text: str) -> str:
    """A text in the form in which most write it: macOS has other bytes for an ö in a name."""
    return unicodedata.normalize("NFC", text)


def suffix_of(name: str) -> str:
    """In lower case, with its dot; white space behind it does not count."""
    return posixpath.splitext(name)[1].rstrip().lower()


def need_folder(folder: Path, key: str, what_to_do: str) -> None:
    """Raises MotionFitError where the folder that the config's `key` names is missing."""
    try:
        if folder.is_dir():
            return
    except OSError as error:
        raise MotionFitError(f"{key}: {folder} can't be read: {error.strerror}") from None
    raise MotionFitError(f"{key}: there is no folder {folder}: {what_to_do}")


def _walk(folder: Path, prefix: str, above: frozenset[str], tree: Tree) -> None:
    here = os.path.realpath(folder)
    if here in above:
        return  # a link to a folder that holds it
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
    """`folder`, `file`, or '' for what is neither. It stands in the folder above, so that the disk
    is asked for links alone, once each."""
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else ""
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):  # a link to itself, or below a file
            return ""
        raise


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


def read_csv(
    path: Path, key: str, columns: Collection[str], exact: Collection[str] = ()
) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file as (line number, {column: text}); lines that are empty are left out.

    Spaces around a field are dropped, but for the columns `exact`. Raises MotionFitError where one
    of `columns` is lacking, a column comes twice, or a row has another number of fields than the
    header.
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
            row = dict(zip(header, fields, strict=True))
            row |= {name: row[name].strip() for name in header if name not in exact}
            rows.append((reader.line_num, row))
    except csv.Error as error:
        raise MotionFitError(f"{key}: {path}, line {reader.line_num}: {error}") from None
    return rows


def few(names: list[str], count: int = 3) -> str:
    """The first names of a long list, for a message; what would break its line is escaped."""
    rest = len(names) - count
    shown = [ascii(name) if CONTROL.search(name) else name for name in names[:count]]
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")


def index_frame(folder: Path, rows: list[dict[str, str]], splits: list[str]) -> pd.DataFrame:
    """The adapters' table: video, path, label, group and the `splits`, all text, by video. Labels
    and groups are in NFC, so that one that is written in two forms is one."""
    index = pd.DataFrame(rows, columns=["video", "label", "group", *splits], dtype=str)
    index = index.sort_values("video", ignore_index=True)
    for column in ("label", "group"):
        index[column] = index[column].str.normalize("NFC")
    # As `folder / video` writes it, which takes seconds for hundreds of thousands.
    before = str(folder / "_")[:-1]
    index.insert(1, "path", before + index["video"])
    return index


def index_lists(
    folder: Path,
    lists: Path,
    listed: dict[str, dict[str, str]],
    splits: list[str],
    group_of: Callable[[str, str], str],
) -> pd.DataFrame:
    """The table of a data set with a folder a class, whose splits come from the folder `lists`.

    `listed` gives the cells of the split columns for each `CLASS/NAME.avi`; `group_of(label, stem)`
    the group of a video. Case, Unicode form and suffix may differ between the lists and the disk:
    UCF101 has both HandstandPushups and HandStandPushups, and some keep their copy as .mp4. A video
    in no list has empty split cells; listed ones that are missing are left out, with a warning.
    Raises MotionFitError where all are missing, or one is listed in two parts of a split.
    """
    if not listed:
        raise MotionFitError("annotations: the split lists are empty: give the official ones")
    tree = scan(folder)
    warn_of_names(folder, tree, [lists])
    videos = tree.videos
    cells: dict[str, dict[str, str]] = {}
    for name, splits_of in listed.items():
        known = cells.setdefault(_key(name), {})
        for column, part in splits_of.items():
            if known.setdefault(column, part) != part:
                raise MotionFitError(
                    f"annotations: {name} is listed twice for {column}, by names that differ in "
                    "capitals, Unicode form or suffix, and in two parts: take one out"
                )
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
            folder,
            len(missing),
            len(listed),
            few(missing),
        )
    rows = []
    for video in videos:
        label, stem = nfc(PurePosixPath(video).parent.name), nfc(PurePosixPath(video).stem)
        empty = dict.fromkeys(splits, "")
        row = {"video": video, "label": label, "group": group_of(label, stem)}
        rows.append(row | empty | cells.get(_key(video), {}))
    return index_frame(folder, rows, splits)


def _key(name: str) -> str:
    return nfc(nfc(posixpath.splitext(name)[0]).casefold())


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
