"""Measures the time and memory that indexing and planning take for 250,000 videos.

    python benchmarks/plan.py --splits FOLDER [--kinetics 250000] [--shards 1850] [--folder DIR]

The script lays out empty files in place of UCF101, HMDB51 and Kinetics-400 (see `stand_ins.py`;
`--splits` is the folder of the official lists). It prints the CPU seconds and the memory of the
stage `index` and of `snakemake --dry-run` of `configs/kinetics-ucf101-hmdb51.yaml` on one core,
with Kinetics in `--shards` shards. For comparison, it also plans as many jobs of trivial rules, to
show the time that Snakemake itself takes on this machine.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml

from motionfit.datasets.index import read_index
from motionfit.datasets.listing import listing, state

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "configs" / "kinetics-ucf101-hmdb51.yaml"
DATASETS = ("ucf101", "hmdb51", "kinetics")
TRIVIAL = """
rule all:
    input: expand("c/{{i}}", i=range({count}))
rule a:
    output: "a/{{i}}"
    shell: "touch {{output}}"
rule b:
    input: "a/{{i}}"
    output: "b/{{i}}"
    shell: "touch {{output}}"
rule c:
    input: "b/{{i}}"
    output: "c/{{i}}"
    shell: "touch {{output}}"
"""


def measured(command: list[str], folder: Path) -> tuple[float, float, str]:
    """CPU seconds and MB of memory of a command on one core, and its output."""
    with (folder / "output.txt").open("w+") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
        _, status, usage = os.wait4(process.pid, 0)
        output.seek(0)
        text = output.read()
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{text[-2000:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text


def snakemake(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", *arguments, "--cores", "1"]


def report(title: str, seconds: float, memory: float | None = None) -> None:
    print(f"{title:60} {seconds:7.1f} s" + (f" {memory:6.0f} MB" if memory else ""), flush=True)


def run(splits: Path, kinetics: int, shards: int, folder: Path) -> None:
    measured(
        [
            sys.executable,
            str(ROOT / "benchmarks" / "stand_ins.py"),
            "empty",
            "--splits",
            str(splits),
            "--output",
            "data",
            "--kinetics",
            str(kinetics),
        ],
        folder,
    )
    config = yaml.safe_load(CONFIG.read_text())
    config["datasets"]["kinetics"]["shards"] = shards
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    options = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", "config.yaml"]
    targets = [f"results/index/{name}.csv" for name in DATASETS]
    measured(snakemake(*targets, *options), folder)
    job = pd.read_csv(folder / "results/benchmarks/index/kinetics.tsv", sep="\t").iloc[0]
    report(f"index, {kinetics} videos", job["cpu_time"], job["max_rss"])
    parts(folder)
    seconds, memory, text = measured(snakemake("--dry-run", *options), folder)
    jobs = int(re.search(r"^total\s+(\d+)", text, re.MULTILINE)[1])
    report(f"snakemake --dry-run, {jobs} jobs", seconds, memory)
    (folder / "Snakefile").write_text(TRIVIAL.format(count=jobs // 3))
    seconds, memory, _ = measured(snakemake("--dry-run"), folder)
    report(f"snakemake --dry-run of trivial rules, {jobs // 3 * 3 + 1} jobs", seconds, memory)


def parts(folder: Path) -> None:
    """Times the parts of the plan that read folders, indexes and videos."""
    begun = time.process_time()
    listing(folder / "data" / "kinetics-400" / "train")
    report("part of the plan: listing the folder", time.process_time() - begun)
    begun = time.process_time()
    index = read_index(folder / "results" / "index" / "kinetics.csv")
    report("part of the plan: reading the index", time.process_time() - begun)
    begun = time.process_time()
    for _, rows in index.groupby("shard"):
        state(zip(rows["video"], f"{folder}/" + rows["path"], strict=True))
    report("part of the plan: sizes and dates of the videos", time.process_time() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--splits", type=Path, required=True)
    parser.add_argument("--kinetics", type=int, default=250_000)
    parser.add_argument("--shards", type=int, default=1850)
    parser.add_argument("--folder", type=Path, help="empty folder (default: a temporary one)")
    args = parser.parse_args()
    if not (args.splits / "kinetics400").is_dir():
        parser.error(f"there is no {args.splits / 'kinetics400'}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        run(args.splits.resolve(), args.kinetics, args.shards, folder.resolve())


if __name__ == "__main__":
    main()
