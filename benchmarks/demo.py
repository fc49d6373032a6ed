"""Runs the demo with several seeds: MotionFit against random initialisation of the same network.

    python benchmarks/demo.py --folder results/benchmark-demo
    python benchmarks/demo.py --configfile configs/demo-tables.yaml --folder results/demo-tables

The second command also runs the comparisons of that file. Each seed draws everything again, even
the videos. One seed takes about five minutes on two cores, or half an hour with the comparisons.
"""

import argparse
from pathlib import Path

from runs import ROOT, print_table, read_config, run, with_seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--configfile",
        type=Path,
        default=ROOT / "config.yaml",
        help="config file to run (default: config.yaml)",
    )
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (default: 3)")
    parser.add_argument("--cores", default="all", help="cores to use (default: all)")
    parser.add_argument("--folder", type=Path, required=True, help="folder for the runs")
    args = parser.parse_args()
    config = read_config(args.configfile)
    runs = [
        run(with_seed(config, seed, datasets=True), args.folder / f"seed{seed}", args.cores)
        for seed in range(args.seeds)
    ]
    print_table("Demo", runs, ["recognition top1", "retrieval clip R@1", "retrieval video R@1"])


if __name__ == "__main__":
    main()
