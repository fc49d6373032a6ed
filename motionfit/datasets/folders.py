"""The user's own videos: one folder per class, a `labels.csv`, or any folder without labels."""

import logging
import posixpath
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable

import pandas as pd

from motionfit.config import Folders
from motionfit.datasets.files import (
    CONTROL,
    Tree,
    few,
    index_frame,
    nfc,
    read_csv,
    scan,
    warn_of_names,
)
from motionfit.datasets.index import draw_units, split_column
from motionfit.errors import MotionFitError

log = logging.getLogger(__name__)


def index_folders(recipe: Folders) -> pd.DataFrame:
    """The videos of a folder, with one split. Labels come from `labels.csv` or from the folders, or
    there are none.

    The split comes from the CSV file if it has that column, else from `test_groups`, else it is
    drawn. Raises MotionFitError if the recipe does not fit the files.
    """
    tree = scan(recipe.videos)
    warn_of_names(recipe.videos, tree, [recipe.labels] if recipe.labels else [])
    if recipe.labels:
        rows = rows_of_csv(recipe, tree)
    elif recipe.labelled:
        rows = [{"video": video, "label": class_folder(recipe, video)} for video in tree.videos]
        warn_of_empty_classes(recipe, tree)
    else:
        rows = [{"video": video, "label": ""} for video in tree.videos]
    known = {row["label"] for row in rows} - {""}
    unlabelled = {nfc(label) for label in recipe.unlabelled}
    unknown = sorted(unlabelled - known)
    if unknown:
        raise MotionFitError(
            f"unlabelled: {recipe.videos} has no class {few(unknown)} "
            f"(it has: {few(sorted(known), 20) or 'none'})"
        )
    for row in rows:
        row["group"] = nfc(row.get("group") or row["video"])
        if row["label"] in unlabelled:
            row["label"] = ""
    return index_frame(recipe.videos, rows, set_splits(recipe, rows))


def class_folder(recipe: Folders, video: str) -> str:
    """The class of a video, by its folder at the first level. Raises MotionFitError if the video is
    not in such a folder."""
    label, _, rest = video.partition("/")
    if not rest:
        raise MotionFitError(
            f"videos: {recipe.videos / video} is not in a class folder: move it into one, or set "
            "labelled: false if these videos have no labels"
        )
    return nfc(label)


def warn_of_empty_classes(recipe: Folders, tree: Tree) -> None:
    """Warns of folders at the first level that contain no video."""
    filled = {video.partition("/")[0] for video in tree.videos}
    if empty := [folder for folder in tree.folders if folder not in filled]:
        log.warning(
            "below %s, folders without a video do not count as classes: %s",
            recipe.videos,
            few(empty, 10),
        )


def finder(tree: Tree) -> Callable[[str], str | None]:
    """A function that returns the video that a path in a list names, or None.

    It looks for the exact path, then for any Unicode form of it, and then for both without the
    spaces around the path.
    """
    exact = set(tree.videos)
    by_form = {nfc(video): video for video in reversed(tree.videos)}

    def find(path: str) -> str | None:
        for text in (path, path.strip()):
            name = posixpath.normpath(text)
            if video := name if name in exact else by_form.get(nfc(name)):
                return video
        return None

    return find


def why_not_a_video(recipe: Folders, tree: Tree, path: str) -> str:
    """The reason why a path in a list is not one of the videos."""
    name = posixpath.normpath(path.strip())
    file, forms = recipe.videos / name, {nfc(name), nfc(posixpath.normpath(path))}
    if forms & set(map(nfc, tree.dangling)):
        return f"{file} is a link to a missing file: repair it, or remove the line"
    if forms & set(map(nfc, tree.others)):
        return (
            f"{file} exists, but its name does not have the suffix of a video: give it the suffix "
            "of its format (.mp4, .avi, .mkv, ...), or remove the line"
        )
    if name.startswith(("/", "../")):
        return f"{name} is not below {recipe.videos}: give a path relative to this folder"
    if file.is_dir():
        return f"{file} is a folder: give the path of a video"
    if file.exists():
        return f"{file} is hidden: remove the dot at the start of its name or of its folder's name"
    return f"there is no video {file}"


def rows_of_csv(recipe: Folders, tree: Tree) -> list[dict[str, str]]:
    """The rows of `labels.csv` as video and label and, if the file has these columns, group and
    split1. Raises MotionFitError if the file does not fit the videos."""
    find = finder(tree)
    first_line: dict[str, int] = {}
    rows, mistakes = [], []
    for line, fields in read_csv(recipe.labels, "labels", ("path", "label"), exact=("path",)):
        video = find(fields["path"])
        with_control = [
            fields.get(name, "")
            for name in ("path", "label", "group")
            if CONTROL.search(fields.get(name, ""))
        ]
        if with_control:
            mistakes.append(
                f"line {line}: {with_control[0]!a} contains a control character, such as a line "
                "break: remove it"
            )
        elif not fields["path"].strip():
            mistakes.append(f"line {line}: the path is empty")
        elif video is None:
            mistakes.append(f"line {line}: {why_not_a_video(recipe, tree, fields['path'])}")
        elif video in first_line:
            mistakes.append(f"line {line}: {video} is already in line {first_line[video]}")
        elif fields.get("split", "") not in ("train", "test", ""):
            mistakes.append(
                f"line {line}: the split of {video} is {fields['split']!r}, but should be train, "
                "test or empty"
            )
        first_line.setdefault(video, line)
        row = {"video": video, "label": nfc(fields["label"]), "group": fields.get("group", "")}
        rows.append(row | ({"split1": fields["split"]} if "split" in fields else {}))
    if mistakes:
        rest = f"\n  and {len(mistakes) - 5} more" if len(mistakes) > 5 else ""
        raise MotionFitError(
            f"labels: {recipe.labels} does not fit the videos:\n  "
            + "\n  ".join(mistakes[:5])
            + rest
        )
    if not rows:
        raise MotionFitError(f"labels: {recipe.labels} has no rows: give it one row per video")
    return rows


def set_splits(recipe: Folders, rows: list[dict[str, str]]) -> list[str]:
    """Sets the column of each split to train or test in labelled rows, and to '' in the others.
    Returns the names of the columns.

    Raises MotionFitError if one of the recipe's test groups does not exist, or if folds can't be
    made.
    """
    labelled = [row for row in rows if row["label"]]
    if "split1" in rows[0]:
        if recipe.folds:
            raise MotionFitError(
                f"folds: {recipe.labels} has a column split, which gives a single split: remove "
                "the column or folds"
            )
        if recipe.test_groups:
            log.warning("test_groups is not used, since %s has a column split", recipe.labels)
        columns = ["split1"]
    else:
        test_sets = (
            groups_of_folds(labelled, recipe)
            if recipe.folds
            else [chosen_test_groups(labelled, recipe, rows)]
        )
        columns = [split_column(number) for number in range(1, len(test_sets) + 1)]
        for row in labelled:
            for column, test in zip(columns, test_sets, strict=True):
                row[column] = "test" if row["group"] in test else "train"
    for row in rows:
        if not row["label"]:
            row |= dict.fromkeys(columns, "")
    return columns


def chosen_test_groups(
    labelled: list[dict[str, str]], recipe: Folders, rows: list[dict[str, str]]
) -> set[str]:
    """The groups of the test set that the recipe names, or draws."""
    named, known = {nfc(group) for group in recipe.test_groups}, {row["group"] for row in rows}
    if unknown := sorted(named - known):
        raise MotionFitError(
            f"test_groups: there is no group {few(unknown)} (there are: {few(sorted(known), 20)})"
        )
    return named or draw_test_groups(labelled, recipe.test_fraction, recipe.seed)


def groups_of_folds(labelled: list[dict[str, str]], recipe: Folders) -> list[set[str]]:
    """The test groups of each fold. Each labelled group is in one of them, and the folds have about
    the same number of videos of each class.

    Raises MotionFitError if there are too few groups, or too few videos of each class.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # takes a second to import

    groups, labels = [row["group"] for row in labelled], [row["label"] for row in labelled]
    recordings, largest_class = len(set(groups)), max(Counter(labels).values(), default=0)
    if min(recordings, largest_class) < recipe.folds:
        raise MotionFitError(
            f"folds: {recipe.folds} folds need as many groups (recordings) with labelled videos, "
            f"and as many videos of a class. {recipe.videos} has {recordings} groups, and at most "
            f"{largest_class} videos of a class: use fewer folds, or none"
        )
    splitter = StratifiedGroupKFold(recipe.folds, shuffle=True, random_state=recipe.seed)
    with warnings.catch_warnings():
        # The checks of the config name the classes that a fold does not train on, or not test.
        warnings.filterwarnings("ignore", "The least populated class")
        drawn = list(splitter.split(groups, labels, groups))
    return [{groups[i] for i in test} for _, test in drawn]


def draw_test_groups(labelled: list[dict[str, str]], fraction: float, seed: int) -> set[str]:
    """Draws `fraction` of the groups, without those that contain the last training videos of a
    class."""
    labels: dict[str, set[str]] = defaultdict(set)
    for row in labelled:
        labels[row["group"]].add(row["label"])
    training_groups = Counter(label for of_group in labels.values() for label in of_group)
    test = set()
    for group in draw_units(list(labels), fraction, seed):
        if all(training_groups[label] > 1 for label in labels[group]):
            test.add(group)
            training_groups.subtract(labels[group])
    return test
