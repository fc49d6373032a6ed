"""The demo over several seeds: MotionFit against the same network from random initialisation.

    python benchmarks/demo.py --folder results/benchmark-demo

Everything is drawn anew for each seed, the videos too. Takes about six minutes a seed on two cores.
"""

import argparse
from pathlib import Path

import yaml
from runs import ROOT, print_table, run, with_seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (default: 3)")
    parser.add_argument("--cores", default="all", help="cores to use (default: all)")
    parser.add_argument("--folder", type=Path, required=True, help="folder for the runs")
    args = parser.parse_args()
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    runs = [
        run(with_seed(config, seed, datasets=True), args.folder / f"seed{seed}", args.cores)
        for seed in range(args.seeds)
    ]
    print_table("Demo", runs, ["recognition top1", "retrieval clip R@1", "retrieval video R@1"])


if __name__ == "__main__":
    main()
