"""Exact Euclidean K-means (Lloyd 1982) for more points than fit in memory, on the CPU or a GPU.

The points are read in chunks and may be a memory map of a file. Apart from them, the algorithm
needs memory for one chunk, its distances to all centroids, and one label per point.
"""

import logging
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from motionfit.errors import MotionFitError

log = logging.getLogger(__name__)

TOLERANCE = 1e-4
"""K-means stops when the squared movement of the centroids, relative to the mean variance of the
dimensions, is at most this; as in scikit-learn."""
FEW_POINTS = 20_000
"""Up to this many points, a clustering is compared with one from another seed."""
SAMPLE = 100
"""Number of points per cluster from which the first centroids are chosen."""
CPU = torch.device("cpu")


class Clustering(NamedTuple):
    """The result of K-means."""

    labels: np.ndarray
    """(N,) int64; each of 0..K-1 is used."""
    centroids: np.ndarray
    """(K, D) float32."""
    inertia: float
    """Sum of the squared distances of the points to their centroids."""
    iterations: int
    """Number of times that the centroids were moved."""


def kmeans(
    points: np.ndarray,
    clusters: int,
    restarts: int = 1,
    max_iterations: int = 100,
    seed: int = 0,
    device: torch.device = CPU,
    rows: int | None = None,
) -> Clustering:
    """Clusters points (N, D) float32 in chunks of `rows` points (None: a size that suits the
    device).

    The result is the best of `restarts` runs, the one with the smallest inertia. The label of a
    point is its nearest centroid. An empty cluster gets the point that is farthest from its
    centroid. On the same CPU, the result depends on the seed alone. At least K points must differ.

    Raises MotionFitError if a number is not finite, or if no point is left for an empty cluster.
    """
    rows = rows or chunk_rows(points.shape[1], clusters, device)
    data = Points(points, clusters, device, rows)
    rng = np.random.default_rng(seed)
    runs = (
        lloyd(data, first_centroids(data, clusters, rng), max_iterations) for _ in range(restarts)
    )
    return min(runs, key=lambda run: run.inertia)


def chunk_rows(dimensions: int, clusters: int, device: torch.device) -> int:
    """Number of points per chunk. The points and their distances take at most 32 MiB on a CPU and
    1 GiB on a GPU, which needs more work at a time."""
    size, most = (2**30, 2**17) if device.type == "cuda" else (2**25, 2**13)
    return max(1, min(most, size // (4 * (dimensions + clusters))))


class Points:
    """Gives points (N, D) minus their mean, on the device and in chunks.

    |x|² - 2xc + |c|² loses fewer digits after subtracting the mean. If the points take less than
    half of the free memory of a GPU, they are copied there once.
    """

    def __init__(self, points: np.ndarray, clusters: int, device: torch.device, rows: int) -> None:
        self.array, self.device, self.rows = points, device, min(rows, len(points))
        # Allocated once, since new memory in every pass would take noticeable time.
        self.buffer = torch.empty((self.rows, points.shape[1]), pin_memory=device.type == "cuda")
        self.scores = torch.empty((self.rows, clusters), device=device)
        total = sum(points[s].sum(axis=0, dtype=np.float64) for s in self.slices())
        self.mean = (total / len(points)).astype(np.float32)
        self.resident: Tensor | None = None
        if device.type == "cuda" and 8 * points.size < torch.cuda.mem_get_info(device)[0]:
            resident = torch.empty(points.shape, device=device)
            for s, x in self:
                resident[s] = x
            self.resident = resident
        squares = sum(float(x.square().sum(dtype=torch.float64)) for _, x in self)
        if not np.isfinite(squares):
            raise MotionFitError("the features to cluster hold numbers that are not finite")
        self.tolerance = TOLERANCE * squares / points.size

    def __len__(self) -> int:
        return len(self.array)

    def slices(self) -> Iterator[slice]:
        for i in range(0, len(self.array), self.rows):
            yield slice(i, min(i + self.rows, len(self.array)))

    def __iter__(self) -> Iterator[tuple[slice, Tensor]]:
        """The rows and points (n, D) of each chunk. The next chunk overwrites the points."""
        for s in self.slices():
            if self.resident is not None:
                yield s, self.resident[s]
            else:
                x = self.buffer[: s.stop - s.start]
                np.subtract(self.array[s], self.mean, out=x.numpy())
                yield s, x.to(self.device)

    def take(self, rows: np.ndarray) -> Tensor:
        """The points (n, D) of the given rows."""
        return torch.from_numpy(self.array[rows] - self.mean).to(self.device)


def first_centroids(data: Points, clusters: int, rng: np.random.Generator) -> Tensor:
    """(K, D) points of a random sample, chosen by k-means++ (Arthur and Vassilvitskii 2007).

    As in scikit-learn, each one is the best of 2 + ln K candidates. scikit-learn's own function
    computes in float64 and on the CPU only.
    """
    size = min(len(data), max(SAMPLE * clusters, 10_000))
    x = data.take(np.sort(rng.choice(len(data), size, replace=False)))
    norms = x.square().sum(1)
    chosen = torch.empty(clusters, dtype=torch.long)
    closest = torch.ones_like(norms)
    for k in range(clusters):
        cumulated = closest.cumsum(0, dtype=torch.float64)
        at = torch.from_numpy(rng.random(2 + int(np.log(clusters)) if k else 1)).to(cumulated)
        candidates = torch.searchsorted(cumulated, at * cumulated[-1], right=True)
        candidates.clamp_(max=size - 1)
        distances = torch.addmm(norms, x[candidates], x.T, alpha=-2)
        distances.add_(norms[candidates, None]).clamp_(min=0)
        if k:
            torch.minimum(distances, closest, out=distances)
        best = distances.sum(1, dtype=torch.float64).argmin()
        closest, chosen[k] = distances[best].clone(), candidates[best]
    return x[chosen.to(x.device)]


def lloyd(data: Points, centroids: Tensor, max_iterations: int) -> Clustering:
    """Runs K-means from the given centroids (K, D) until no label changes or the centroids hardly
    move."""
    labels = np.full(len(data), -1)
    sums, counts, _ = assign(data, centroids, labels)
    for iteration in range(1, max_iterations + 1):
        before, centroids = centroids, new_centroids(data, centroids, labels, sums, counts)
        sums, counts, changed = assign(data, centroids, labels)
        shift = float((centroids - before).square().sum(dtype=torch.float64))
        log.debug("iteration %d: %d labels changed, shift %g", iteration, changed, shift)
        if changed == 0 or shift <= data.tolerance:
            break
    centroids = fill_empty_clusters(data, centroids, labels)
    inertia = float(squared_distances(data, centroids, labels).sum(dtype=np.float64))
    log.info("K-means: inertia %g after %d iterations", inertia, iteration)
    return Clustering(labels, centroids.cpu().numpy() + data.mean, inertia, iteration)


def assign(data: Points, centroids: Tensor, labels: np.ndarray) -> tuple[Tensor, Tensor, int]:
    """Sets `labels` (N,) to the nearest centroid of each point. Returns the sum of the points of
    each cluster (K, D) float64, its size (K,), and the number of labels that changed."""
    norms, transposed = centroids.square().sum(1), centroids.T.contiguous()
    sums = torch.zeros_like(centroids, dtype=torch.float64)
    counts = torch.zeros(len(centroids), dtype=torch.long, device=data.device)
    changed = 0
    for rows, x in data:
        # |x|² is the same for all centroids, so the nearest one is the same without it.
        scores = torch.addmm(norms, x, transposed, alpha=-2, out=data.scores[: len(x)])
        if data.device.type == "cpu":  # NumPy's argmin is vectorised and several times as fast
            nearest = torch.from_numpy(scores.numpy().argmin(axis=1))
        else:
            nearest = scores.argmin(1)
        # Float32 within a chunk is fast; float64 across chunks keeps sums of millions accurate.
        sums += torch.zeros_like(centroids).index_add_(0, nearest, x)
        counts += torch.bincount(nearest, minlength=len(centroids))
        new_labels = nearest.cpu().numpy()
        changed += np.count_nonzero(new_labels != labels[rows])
        labels[rows] = new_labels
    return sums, counts, changed


def new_centroids(
    data: Points, centroids: Tensor, labels: np.ndarray, sums: Tensor, counts: Tensor
) -> Tensor:
    """(K, D): the mean of each cluster or, for an empty one, the point farthest from its
    centroid."""
    means = (sums / counts.clamp(min=1)[:, None]).float()
    empty = counts.cpu().numpy() == 0
    if empty.any():
        means[empty] = centroids[empty]
        reseed(data, means, np.flatnonzero(empty), farthest(data, centroids, labels, empty.sum()))
    return means


def fill_empty_clusters(data: Points, centroids: Tensor, labels: np.ndarray) -> Tensor:
    """Gives each empty cluster the point farthest from its centroid, and assigns all points again,
    until no cluster is empty. Changes `labels` and returns the centroids."""
    centroids, seeds = centroids.clone(), {}
    while len(empty := np.setdiff1d(np.arange(len(centroids)), labels)):
        points = farthest(data, centroids, labels, len(empty))
        if not len(points):
            raise MotionFitError(
                f"there are fewer different features than clusters ({len(centroids)})"
            )
        reseed(data, centroids, empty, points)
        seeds.update(zip(points.tolist(), empty.tolist(), strict=False))
        assign(data, centroids, labels)
        # Rounding could assign a seed to another centroid at the same distance. Since each seed
        # stays in its cluster, clusters stay filled and the loop ends.
        labels[list(seeds)] = list(seeds.values())
    return centroids


def reseed(data: Points, centroids: Tensor, empty: np.ndarray, points: np.ndarray) -> None:
    """Moves the centroids of empty clusters to points, as far as there are enough points."""
    centroids[torch.from_numpy(empty[: len(points)]).to(data.device)] = data.take(points)


def farthest(data: Points, centroids: Tensor, labels: np.ndarray, number: int) -> np.ndarray:
    """Rows of the `number` different points that are farthest from their centroids. Points on their
    centroid, and the last point of a cluster, are left out, so there may be fewer."""
    distances = squared_distances(data, centroids, labels)
    counts = np.bincount(labels, minlength=len(centroids))
    chosen: dict[bytes, int] = {}
    for row in np.argsort(-distances, kind="stable"):
        if len(chosen) == number or distances[row] == 0:
            break
        point = data.array[row].tobytes()
        if point not in chosen and counts[labels[row]] > 1:
            chosen[point] = row
            counts[labels[row]] -= 1
    return np.array(list(chosen.values()), dtype=np.int64)


def squared_distances(data: Points, centroids: Tensor, labels: np.ndarray) -> np.ndarray:
    """(N,) float32: the squared distance of each point to the centroid of its label."""
    result = np.empty(len(data), np.float32)
    for rows, x in data:
        assigned = centroids[torch.from_numpy(labels[rows]).to(data.device)]
        result[rows] = (x - assigned).square_().sum(1).cpu().numpy()
    return result
