"""Compares MotionFit with random initialisation on real videos with few labels.

    python benchmarks/egogestar.py --data data/egogestar --folder results/benchmark-egogestar

The comparison is that of the paper's Table 8. Each seed draws other labelled groups and other
initial weights. All seeds share the frames and flow, which are computed once.
"""

import argparse
import shutil
from pathlib import Path

import yaml
from runs import ROOT, print_table, run, with_seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with labels.csv")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (default: 3)")
    parser.add_argument("--cores", default="all", help="cores to use (default: all)")
    parser.add_argument("--folder", type=Path, required=True, help="folder for the runs")
    args = parser.parse_args()
    config = yaml.safe_load((ROOT / "configs" / "egogestar.yaml").read_text())
    config["datasets"]["egogestar"] |= {
        "videos": str(args.data.resolve()),
        "labels": str(args.data.resolve() / "labels.csv"),
    }
    runs = []
    for seed in range(args.seeds):
        folder = args.folder / f"seed{seed}"
        if seed and not folder.exists():
            for part in ("index", "frames", "flow"):
                shutil.copytree(args.folder / "seed0" / "results" / part, folder / "results" / part)
            shutil.copytree(
                args.folder / "seed0" / ".snakemake" / "metadata",
                folder / ".snakemake" / "metadata",
            )
        runs.append(run(with_seed(config, seed, datasets=False), folder, args.cores))
    print_table("EgoGestAR", runs, ["recognition top1", "retrieval clip R@1"])


if __name__ == "__main__":
    main()
