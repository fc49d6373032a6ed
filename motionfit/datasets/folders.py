"""One's own videos: a folder a class, any tree without labels, or a `labels.csv`."""

import logging
import posixpath
from collections import Counter, defaultdict

import pandas as pd

from motionfit.config import Folders
from motionfit.datasets.files import few, index_frame, read_csv, scan_videos
from motionfit.datasets.index import draw_units
from motionfit.errors import MotionFitError

log = logging.getLogger(__name__)


def index_folders(recipe: Folders) -> pd.DataFrame:
    """The videos of a folder, with one split, and labels from `labels.csv`, the folders, or none.

    The split is the CSV file's, else `test_groups`, else drawn. Raises MotionFitError where the
    recipe and the files do not fit together.
    """
    videos = scan_videos(recipe.videos)
    if recipe.labels:
        rows = rows_of_csv(recipe, videos)
    elif recipe.labelled:
        rows = [{"video": video, "label": class_folder(recipe, video)} for video in videos]
    else:
        rows = [{"video": video, "label": ""} for video in videos]
    known = {row["label"] for row in rows} - {""}
    unknown = [label for label in recipe.unlabelled if label not in known]
    if unknown:
        raise MotionFitError(
            f"unlabelled: {recipe.videos} has no class {few(unknown)} "
            f"(it has: {few(sorted(known), 20) or 'none'})"
        )
    for row in rows:
        row["group"] = row.get("group") or row["video"]
        if row["label"] in recipe.unlabelled:
            row["label"] = ""
    set_split(recipe, rows)
    return index_frame(recipe.videos, rows, ["split1"])


def class_folder(recipe: Folders, video: str) -> str:
    label, _, below = video.partition("/")
    if not below:
        raise MotionFitError(
            f"videos: {recipe.videos / video} lies in no class folder: move it into one, or set "
            "labelled: false if these videos have no labels"
        )
    return label


def rows_of_csv(recipe: Folders, videos: list[str]) -> list[dict[str, str]]:
    """The rows of `labels.csv` as video, label and, where the file has them, group and split1."""
    on_disk = set(videos)
    first_line: dict[str, int] = {}
    rows, mistakes = [], []
    for line, fields in read_csv(recipe.labels, "labels", ("path", "label")):
        video = posixpath.normpath(fields["path"])
        if not fields["path"]:
            mistakes.append(f"line {line}: the path is empty")
        elif video not in on_disk:
            mistakes.append(f"line {line}: there is no video {recipe.videos / video}")
        elif video in first_line:
            mistakes.append(f"line {line}: {video} stands in line {first_line[video]} already")
        elif fields.get("split", "") not in ("train", "test", ""):
            mistakes.append(
                f"line {line}: the split of {video} is {fields['split']!r}, which should be train, "
                "test or empty"
            )
        first_line.setdefault(video, line)
        row = {"video": video, "label": fields["label"], "group": fields.get("group", "")}
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


def set_split(recipe: Folders, rows: list[dict[str, str]]) -> None:
    """Sets split1 of the labelled rows to train or test; that of the others is empty."""
    labelled = [row for row in rows if row["label"]]
    if "split1" in rows[0]:
        if recipe.test_groups:
            log.warning("test_groups is not used: %s has a column split", recipe.labels)
    else:
        known = {row["group"] for row in rows}
        unknown = [group for group in recipe.test_groups if group not in known]
        if unknown:
            raise MotionFitError(
                f"test_groups: there is no group {few(unknown)} "
                f"(there are: {few(sorted(known), 20)})"
            )
        test = set(recipe.test_groups) or draw_test_groups(
            labelled, recipe.test_fraction, recipe.seed
        )
        for row in labelled:
            row["split1"] = "test" if row["group"] in test else "train"
    for row in rows:
        if not row["label"]:
            row["split1"] = ""


def draw_test_groups(labelled: list[dict[str, str]], fraction: float, seed: int) -> set[str]:
    """`fraction` of the groups, less those that hold the last training videos of a class."""
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
