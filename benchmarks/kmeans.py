"""Compares MotionFit's K-means with those of scikit-learn and faiss on the same points.

    python benchmarks/kmeans.py --points 200000 --clusters 1000 --threads 2

The points are in a file. They are a mixture of 3 Gaussians per cluster, of different sizes and
widths. Each method runs in its own process, so that its peak memory (RSS) can be measured: `peak`
is that of the whole process, and `own` leaves out the memory in use before clustering (libraries
and, except for MotionFit, the points). `first` is the time until the first centroids are chosen:
faiss chooses them at random, and the others by k-means++; MiniBatchKMeans does not tell the time.
Inertia is computed in float64 from each method's centroids, relative to the smallest. If other
programs are running, compare the CPU seconds of one thread.
"""

import argparse
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.cluster import KMeans, MiniBatchKMeans, kmeans_plusplus
from threadpoolctl import threadpool_limits

from motionfit.pseudo_labels import kmeans as ours


@dataclass
class Result:
    centroids: np.ndarray
    first: float | None
    """Seconds until the first centroids were chosen."""
    rest: float
    """Seconds after that."""
    cpu: float
    """CPU seconds of all threads during `rest`."""
    iterations: int
    before: float
    """GiB of memory (peak RSS) before clustering."""
    peak: float = 0.0
    """GiB of memory (peak RSS) at the end."""


def peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


class Clock:
    """Measures wall and CPU seconds since it was created."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self.wall, time.process_time() - self.cpu


def write_points(path: Path, args: argparse.Namespace) -> None:
    rng = np.random.default_rng(0)
    count = 3 * args.clusters
    centres = rng.normal(0, 1, (count, args.dimensions)).astype(np.float32)
    widths = rng.gamma(4, 0.25, count).astype(np.float32)
    sizes = rng.dirichlet(np.full(count, 2.0))
    with path.open("wb") as file:
        for start in range(0, args.points, 10_000):
            which = rng.choice(count, min(10_000, args.points - start), p=sizes)
            noise = rng.standard_normal((len(which), args.dimensions), np.float32)
            file.write(centres[which] + widths[which, None] * noise)


def run_ours(points: np.ndarray, args: argparse.Namespace, device: str) -> Result:
    torch.set_num_threads(args.threads)
    device = torch.device(device)
    before, clock = peak_memory(), Clock()
    rows = ours.chunk_rows(args.dimensions, args.clusters, device)
    data = ours.Points(points, args.clusters, device, rows)
    first = ours.first_centroids(data, args.clusters, np.random.default_rng(0))
    seconds, clock = clock.read()[0], Clock()
    result = ours.lloyd(data, first, args.iterations)
    return Result(result.centroids, seconds, *clock.read(), result.iterations, before)


def run_sklearn(points: np.ndarray, args: argparse.Namespace) -> Result:
    points = np.array(points)
    before, clock = peak_memory(), Clock()
    with threadpool_limits(args.threads):
        first, _ = kmeans_plusplus(points, args.clusters, random_state=0)
        seconds, clock = clock.read()[0], Clock()
        result = KMeans(
            args.clusters, init=first, n_init=1, max_iter=args.iterations, copy_x=False
        ).fit(points)
    return Result(result.cluster_centers_, seconds, *clock.read(), result.n_iter_, before)


def run_mini_batch(points: np.ndarray, args: argparse.Namespace) -> Result:
    points = np.array(points)
    before, clock = peak_memory(), Clock()
    with threadpool_limits(args.threads):
        result = MiniBatchKMeans(
            args.clusters, batch_size=10_000, max_iter=args.iterations, n_init=1, random_state=0
        ).fit(points)
    return Result(result.cluster_centers_, None, *clock.read(), result.n_iter_, before)


def run_faiss(points: np.ndarray, args: argparse.Namespace) -> Result:
    import faiss

    faiss.omp_set_num_threads(args.threads)
    points = np.array(points)
    before, clock = peak_memory(), Clock()
    result = faiss.Kmeans(
        args.dimensions,
        args.clusters,
        niter=args.iterations,
        seed=1,
        max_points_per_centroid=len(points),
    )
    result.train(points)
    return Result(result.centroids, 0.0, *clock.read(), len(result.iteration_stats), before)


def run(method: str, path: Path, args: argparse.Namespace) -> Result:
    points = np.memmap(path, np.float32, "r", shape=(args.points, args.dimensions))
    if method.startswith("MotionFit"):
        result = run_ours(points, args, "cuda" if "GPU" in method else "cpu")
    elif method.startswith("faiss"):
        result = run_faiss(points, args)
    else:
        result = (run_sklearn if method.endswith(" KMeans") else run_mini_batch)(points, args)
    result.peak = peak_memory()
    return result


def run_in_process(method: str, path: Path, args: argparse.Namespace) -> Result:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(run, method, path, args).result()


def inertia(path: Path, centroids: np.ndarray, args: argparse.Namespace) -> float:
    points = np.memmap(path, np.float32, "r", shape=(args.points, args.dimensions))
    centroids = np.float64(centroids)
    norms, total = np.square(centroids).sum(axis=1), 0.0
    for start in range(0, len(points), 4096):
        x = np.float64(points[start : start + 4096])
        total += np.square(x).sum() + (norms - 2 * x @ centroids.T).min(axis=1).sum()
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=200_000, help="(default: %(default)s)")
    parser.add_argument("--dimensions", type=int, default=512, help="(default: %(default)s)")
    parser.add_argument("--clusters", type=int, default=1000, help="(default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--iterations", type=int, default=20, help="at most (default: %(default)s)")
    args = parser.parse_args()
    console = Console()
    methods = ["MotionFit", "scikit-learn KMeans", "scikit-learn MiniBatchKMeans"]
    if find_spec("faiss"):
        methods.append("faiss")
    else:
        console.print("faiss is not installed (pip install faiss-cpu), so it is left out")
    if torch.cuda.is_available():
        methods.append("MotionFit, GPU")
    else:
        console.print("there is no GPU, so its row is left out")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points"
        write_points(path, args)
        results = {}
        for method in methods:
            results[method] = run_in_process(method, path, args)
            console.print(f"{method}: {results[method].rest:.1f} s")
        inertias = {m: inertia(path, r.centroids, args) for m, r in results.items()}
    console.print(table_of(results, inertias, args))


def table_of(
    results: dict[str, Result], inertias: dict[str, float], args: argparse.Namespace
) -> Table:
    table = Table(
        title=f"{args.points} points of {args.dimensions} dimensions, {args.clusters} "
        f"clusters, {args.threads} threads",
        title_justify="left",
    )
    table.add_column("method")
    for head in (
        "first, s",
        "iterations",
        "their time, s",
        "CPU s per iteration",
        "total, s",
        "inertia",
        "peak, GiB",
        "own, GiB",
    ):
        table.add_column(head, justify="right")
    for method, r in results.items():
        table.add_row(
            method,
            "" if r.first is None else f"{r.first:.1f}",
            str(r.iterations),
            f"{r.rest:.1f}",
            f"{r.cpu / r.iterations:.2f}",
            f"{(r.first or 0) + r.rest:.1f}",
            f"{inertias[method] / min(inertias.values()):.4f}",
            f"{r.peak:.2f}",
            f"{r.peak - r.before:.2f}",
        )
    return table


if __name__ == "__main__":
    main()
