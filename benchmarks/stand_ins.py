"""Folders in the layout of UCF101, HMDB51 and Kinetics, to try `configs/paper.yaml` on.

    python benchmarks/stand_ins.py empty --splits FOLDER --output data

makes an empty file for each video of the official lists (below FOLDER: `ucf101/`, `hmdb51/` and
`kinetics400/`), enough for `snakemake -n`, which plans the jobs without looking into videos. With
`--kinetics N` there are N videos of Kinetics: made-up ones beside those of the lists.

    python benchmarks/stand_ins.py small [--clips data/egogestar] --output data/paper-small

makes small data sets of EgoGestAR's clips, or of rendered ones where there is no such folder, for
`configs/paper-small.yaml`.
"""

import argparse
import csv
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from motionfit.config import Demo
from motionfit.datasets.demo import render_demo
from motionfit.datasets.ucf101 import read_list

TEST_GROUPS = {1: range(15, 23), 2: range(1, 9), 3: range(8, 16)}
"""Split to the groups that are tested."""
HMDB51_CLASSES = 4
"""Classes that stand in for HMDB51's; the others are UCF101's."""


class Clip(NamedTuple):
    """A real or rendered video."""

    path: Path
    label: str
    group: int


# ------------------------------------------------------------------------------------ empty files


def empty(splits: Path, output: Path, kinetics_videos: int) -> None:
    ucf101, hmdb51, kinetics = (output / n for n in ("UCF-101", "hmdb51", "kinetics-400/train"))
    lists = sorted((splits / "ucf101").glob("t*list*.txt"))
    names = {name for path in lists for name in read_list(path)}
    touch(ucf101 / name for name in names)
    shutil.copytree(splits / "ucf101", output / "ucfTrainTestlist", dirs_exist_ok=True)
    lists = sorted((splits / "hmdb51").glob("*_test_split[0-9].txt"))
    touch(
        hmdb51 / path.stem.rpartition("_test_split")[0] / line.rsplit(maxsplit=1)[0]
        for path in lists
        for line in path.read_text().splitlines()
        if line.strip()
    )
    (output / "testTrainMulti_7030_splits").mkdir(exist_ok=True)
    for path in lists:
        shutil.copy(path, output / "testTrainMulti_7030_splits")
    rows = []
    for path in sorted((splits / "kinetics400").glob("*.csv")):
        with path.open(newline="") as file:
            rows += [row for row in csv.DictReader(file) if row.get("label")]
    rows += [
        {**rows[i % len(rows)], "youtube_id": f"{i:011d}"}
        for i in range(len(rows), kinetics_videos)
    ]  # fmt: skip
    touch(kinetics / f"{r['youtube_id']}_{int(r['time_start']):06d}_{int(r['time_end']):06d}.mp4"
          for r in rows)  # fmt: skip
    write_csv(kinetics.parent / "train.csv", rows)
    (output / "r2plus1d_18-91a641e6.pth").touch()


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
    # Here alone: the empty files are laid out without waiting for PyTorch.
    import torch
    from torchvision.models.video import r2plus1d_18

    torch.save(r2plus1d_18().state_dict(), output / "r2plus1d_18.pth")


def lay_out(found: list[Clip], output: Path) -> None:
    """Links the clips in the layout of the three data sets."""
    labels = sorted({clip.label for clip in found} - {"unclassified"})
    for_hmdb51 = set(labels[:HMDB51_CLASSES])
    ucf101 = [c for c in found if c.label in set(labels) - for_hmdb51]
    as_ucf101(ucf101, output)
    as_hmdb51([clip for clip in found if clip.label in for_hmdb51], output)
    source = [c for c in found if c.label == "unclassified" or c.group not in TEST_GROUPS[1]]
    as_kinetics(source, output)


def read_clips(folder: Path) -> list[Clip]:
    with (folder / "labels.csv").open(newline="") as file:
        return [
            Clip((folder / row["path"]).resolve(), row["label"], int(row["group"] or 0))
            for row in csv.DictReader(file)
        ]


def rendered(folder: Path) -> list[Clip]:
    render_demo(Demo(format="demo", train=22, frames=72), folder)
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


def as_kinetics(clips: list[Clip], output: Path) -> None:
    rows = []
    for i, clip in enumerate(clips):
        name = f"clip{i:07d}"
        link(clip, output / "kinetics" / clip.label / f"{name}_000000_000010.mp4")
        rows.append({"label": clip.label, "youtube_id": name, "time_start": "0", "time_end": "10"})
    write_csv(output / "kinetics.csv", rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("empty")
    command.add_argument("--splits", type=Path, required=True)
    command.add_argument("--output", type=Path, required=True)
    command.add_argument("--kinetics", type=int, default=0, metavar="N",
                         help="videos of Kinetics at least (default: those of the lists)"
                         )  # fmt: skip
    command.set_defaults(make=lambda args: empty(args.splits, args.output, args.kinetics))
    command = commands.add_parser("small")
    command.add_argument("--clips", type=Path, help="EgoGestAR's folder; default: rendered videos")
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(make=lambda args: small(args.clips, args.output))
    args = parser.parse_args()
    for folder, wanted in ((getattr(args, "clips", None), "labels.csv"),
                           (getattr(args, "splits", None), "ucf101")):  # fmt: skip
        if folder and not (folder / wanted).exists():
            parser.error(f"there is no {folder / wanted}")
    args.make(args)


if __name__ == "__main__":
    main()
