"""Makes folders in the layout of UCF101, HMDB51 and Kinetics, to try `configs/paper.yaml`.

    python benchmarks/stand_ins.py empty --splits FOLDER --output data

makes an empty file for each video of the official lists, which are in `ucf101/`, `hmdb51/` and
`kinetics400/` (only the validation list) below FOLDER. This is enough for `snakemake -n`, which
plans the jobs without opening videos. Kinetics' training set gets `--kinetics N` made-up videos.

    python benchmarks/stand_ins.py small [--clips data/egogestar] --output data/paper-small

makes small data sets for `configs/paper-small.yaml` from EgoGestAR's clips or, without `--clips`,
from rendered videos.

    python benchmarks/stand_ins.py samples --splits FOLDER --videos FOLDER --output data

links a few real videos of each data set for `configs/real-samples.yaml`. They are in
`ucf101/CLASS/`, `hmdb51/CLASS/` and `kinetics400/` below the second FOLDER. Kinetics gets its
official list. UCF101 and HMDB51 get lists of the official form with every third video of a class in
the test set, since the official lists may have all of so few videos in one part.
"""

import argparse
import csv
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from motionfit.config import Demo
from motionfit.datasets.demo import render_videos
from motionfit.datasets.ucf101 import read_list

TEST_GROUPS = {1: range(15, 23), 2: range(1, 9), 3: range(8, 16)}
"""Groups of the test set of each split."""
HMDB51_CLASSES = 4
"""Number of classes that stand in for those of HMDB51. The others stand in for UCF101's."""


class Clip(NamedTuple):
    """A real or rendered video."""

    path: Path
    label: str
    group: int


# ------------------------------------------------------------------------------------ empty files


def empty(splits: Path, output: Path, kinetics_videos: int) -> None:
    ucf101, hmdb51, kinetics = (output / n for n in ("UCF-101", "hmdb51", "kinetics-400"))
    copy_lists(splits, output)
    lists = sorted((splits / "ucf101").glob("t*list*.txt"))
    touch(ucf101 / name for name in {name for path in lists for name in read_list(path)})
    touch(
        hmdb51 / path.stem.rpartition("_test_split")[0] / line.rsplit(maxsplit=1)[0]
        for path in (splits / "hmdb51").glob("*_test_split[0-9].txt")
        for line in path.read_text().splitlines()
        if line.strip()
    )
    with (kinetics / "val.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("label")]
    make_kinetics_files(rows, kinetics / "val")
    made_up = [{**rows[i % len(rows)], "youtube_id": f"{i:011d}"} for i in range(kinetics_videos)]
    make_kinetics_files(made_up, kinetics / "train")
    write_csv(kinetics / "train.csv", made_up)
    (output / "r2plus1d_18-91a641e6.pth").touch()


def copy_lists(splits: Path, output: Path) -> None:
    """Copies the official lists to where `configs/paper.yaml` looks for them. Kinetics' training
    list is a copy of its validation list."""
    shutil.copytree(splits / "ucf101", output / "ucfTrainTestlist", dirs_exist_ok=True)
    shutil.copytree(splits / "hmdb51", output / "testTrainMulti_7030_splits", dirs_exist_ok=True)
    copy_kinetics_lists(splits, output)


def copy_kinetics_lists(splits: Path, output: Path) -> None:
    kinetics = output / "kinetics-400"
    kinetics.mkdir(parents=True, exist_ok=True)
    for name in ("train", "val"):
        shutil.copy(splits / "kinetics400" / "kinetics-400_val.csv", kinetics / f"{name}.csv")


def make_kinetics_files(rows: Iterable[dict[str, str]], folder: Path) -> None:
    """Makes empty files with the names of Kinetics' videos."""
    touch(
        folder / f"{r['youtube_id']}_{int(r['time_start']):06d}_{int(r['time_end']):06d}.mp4"
        for r in rows
    )


def touch(paths: Iterable[Path]) -> None:
    made: set[Path] = set()
    for path in paths:
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        path.touch()


def write_csv(path: Path, rows: Iterable[dict[str, str]]) -> None:
    columns = ("label", "youtube_id", "time_start", "time_end")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "split"])
        writer.writerows([*(row[column] for column in columns), "train"] for row in rows)


# ---------------------------------------------------------------------------------- small data sets


def small(clips: Path | None, output: Path) -> None:
    lay_out(read_clips(clips) if clips else rendered(output / "rendered"), output)


def lay_out(clips: list[Clip], output: Path) -> None:
    """Links the clips in the layout of the three data sets."""
    labels = sorted({clip.label for clip in clips} - {"unclassified"})
    for_hmdb51 = set(labels[:HMDB51_CLASSES])
    ucf101 = [c for c in clips if c.label in set(labels) - for_hmdb51]
    as_ucf101(ucf101, output)
    as_hmdb51([clip for clip in clips if clip.label in for_hmdb51], output)
    source = [c for c in clips if c.label == "unclassified" or c.group not in TEST_GROUPS[1]]
    as_kinetics(source, output, "kinetics-train")
    as_kinetics([clip for clip in source if clip.group in TEST_GROUPS[2]], output, "kinetics-val")


def read_clips(folder: Path) -> list[Clip]:
    with (folder / "labels.csv").open(newline="") as file:
        return [
            Clip((folder / row["path"]).resolve(), row["label"], int(row["group"] or 0))
            for row in csv.DictReader(file)
        ]


def rendered(folder: Path) -> list[Clip]:
    render_videos(Demo(format="demo", train=22, frames=72), folder / "labels.csv")
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    counts: Counter[str] = Counter()
    clips = []
    for row in rows:
        counts[row["label"]] += 1
        clips.append(Clip((folder / row["path"]).resolve(), row["label"], counts[row["label"]]))
    return clips


def link(clip: Clip, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(clip.path)


def as_ucf101(clips: list[Clip], output: Path) -> None:
    lists = output / "ucf101-lists"
    lists.mkdir(parents=True, exist_ok=True)
    names = [f"{c.label}/v_{c.label}_g{c.group:02d}_c01.mp4" for c in clips]
    for clip, name in zip(clips, names, strict=True):
        link(clip, output / "ucf101" / name)
    for split, groups in TEST_GROUPS.items():
        for part, tested in (("train", False), ("test", True)):
            chosen = [n for c, n in zip(clips, names, strict=True) if (c.group in groups) == tested]
            (lists / f"{part}list{split:02d}.txt").write_text("\n".join(chosen) + "\n")


def as_hmdb51(clips: list[Clip], output: Path) -> None:
    lists = output / "hmdb51-lists"
    lists.mkdir(parents=True, exist_ok=True)
    names = [f"scene{c.group:02d}_{c.label}_u_nm_np1_fr_med_0.mp4" for c in clips]
    for clip, name in zip(clips, names, strict=True):
        link(clip, output / "hmdb51" / clip.label / name)
    for split, groups in TEST_GROUPS.items():
        for label in {clip.label for clip in clips}:
            lines = [
                f"{name} {2 if clip.group in groups else 1}"
                for clip, name in zip(clips, names, strict=True)
                if clip.label == label
            ]
            (lists / f"{label}_test_split{split}.txt").write_text("\n".join(lines) + "\n")


def as_kinetics(clips: list[Clip], output: Path, dataset: str) -> None:
    rows = []
    for i, clip in enumerate(clips):
        name = f"clip{i:07d}"
        link(clip, output / dataset / clip.label / f"{name}_000000_000010.mp4")
        rows.append({"label": clip.label, "youtube_id": name, "time_start": "0", "time_end": "10"})
    write_csv(output / f"{dataset}.csv", rows)


# ------------------------------------------------------------------------------------ real videos


def samples(splits: Path, videos: Path, output: Path) -> None:
    for source, target in (
        ("ucf101", "UCF-101"),
        ("hmdb51", "hmdb51"),
        ("kinetics400", "kinetics-400/train"),
        ("kinetics400", "kinetics-400/val"),
    ):
        for path in (videos / source).rglob("*.*"):
            link(Clip(path.resolve(), "", 0), output / target / path.relative_to(videos / source))
    copy_kinetics_lists(splits, output)
    lists = output / "ucfTrainTestlist"
    lists.mkdir(parents=True, exist_ok=True)
    parts = tested(videos / "ucf101")
    for split in range(1, 4):
        for part, wanted in (("train", False), ("test", True)):
            names = [
                f"{path.parent.name}/{path.name}" for path, is_test in parts if is_test == wanted
            ]
            (lists / f"{part}list{split:02d}.txt").write_text("\n".join(names) + "\n")
    lists = output / "testTrainMulti_7030_splits"
    lists.mkdir(parents=True, exist_ok=True)
    parts = tested(videos / "hmdb51")
    for label in {path.parent.name for path, _ in parts}:
        lines = [
            f"{path.name} {1 + is_test} " for path, is_test in parts if path.parent.name == label
        ]
        for split in range(1, 4):
            (lists / f"{label}_test_split{split}.txt").write_text("\n".join(lines) + "\n")


def tested(folder: Path) -> list[tuple[Path, bool]]:
    """The videos of a folder with one folder per class, and whether each is in the test set: every
    third video of a class, from the second one on."""
    return [
        (path, i % 3 == 1)
        for label in sorted(folder.iterdir())
        for i, path in enumerate(sorted(label.iterdir()))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("empty")
    command.add_argument("--splits", type=Path, required=True)
    command.add_argument("--output", type=Path, required=True)
    command.add_argument(
        "--kinetics",
        type=int,
        default=20_000,
        metavar="N",
        help="videos of Kinetics' training set (default: 20000, enough for 1,500 shards)",
    )
    command.set_defaults(make=lambda args: empty(args.splits, args.output, args.kinetics))
    command = commands.add_parser("small")
    command.add_argument("--clips", type=Path, help="EgoGestAR's folder; default: rendered videos")
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(make=lambda args: small(args.clips, args.output))
    command = commands.add_parser("samples")
    command.add_argument("--splits", type=Path, required=True)
    command.add_argument("--videos", type=Path, required=True)
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(make=lambda args: samples(args.splits, args.videos, args.output))
    args = parser.parse_args()
    for folder, wanted in (
        (getattr(args, "clips", None), "labels.csv"),
        (getattr(args, "splits", None), "ucf101"),
        (getattr(args, "videos", None), "ucf101"),
    ):
        if folder and not (folder / wanted).exists():
            parser.error(f"there is no {folder / wanted}")
    args.make(args)


if __name__ == "__main__":
    main()
