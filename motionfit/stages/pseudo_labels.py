"""Makes pseudo-labels: the clusters of motion features.

The output is `labels.csv` (video, start, length, label), with one row per clip, segment or video.
Beside it are `centroids.npy` (K, D) float32, in the space in which the features are clustered,
`quality.json`, and `map.csv`: some units with their place on a map of the source (x, y).
"""

import logging
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score
from threadpoolctl import threadpool_limits

from motionfit import options
from motionfit.config import ALL_LABELS, PseudoLabels
from motionfit.datasets.copies import without_copies
from motionfit.datasets.index import read_index
from motionfit.errors import MotionFitError
from motionfit.files import replacing, write_json
from motionfit.judgement import judge_pseudo_labels
from motionfit.models.device import inference_device
from motionfit.pseudo_labels.granularity import aggregate, commonest_share
from motionfit.pseudo_labels.kmeans import CPU, FEW_POINTS, kmeans
from motionfit.pseudo_labels.map import positions, units_on_map
from motionfit.pseudo_labels.points import mapped, prepared
from motionfit.pseudo_labels.videos import chosen_videos
from motionfit.store.features import read_features, read_rates
from motionfit.store.frame_rates import warn_of_rates
from motionfit.store.ranges import ranges

log = logging.getLogger(__name__)

LARGEST = 1e15
"""Upper limit of a feature, whose square K-means computes. Only a model whose training has diverged
gives larger ones."""
COLLAPSED = 0.1
"""If at most this fraction of the features are distinct, the motion model does not distinguish
videos."""


def pseudo_labels(
    *,
    recipe: options.JsonRecipe[PseudoLabels],
    index: options.IndexFile,
    split: options.Split,
    labelled_part: options.JsonLabelledPart = ALL_LABELS,
    features: Path,
    shard_count: options.Count,
    duplicates: options.DuplicatesFiles | None = None,
    threads: options.Threads = options.CORES,
    output: options.Output,
) -> None:
    """Cluster motion features to pseudo-labels.

    Parameters
    ----------
    features
        Folder of the files of features.
    shard_count
        Number of shards that the source is cut into.
    """
    table, folder = read_index(index), output.parent
    folder.mkdir(parents=True, exist_ok=True)
    rows = chosen_videos(recipe, table, split, labelled_part)
    chosen = set(without_copies(rows, duplicates or [], split)["video"])
    files = [features / f"{name}.h5" for name in ranges(table["shard"], shard_count)]
    warn_of_rates("the source", *read_rates(files))
    points, units = source_points(recipe, chosen, files, folder)
    log.info("%d %ss of %d videos", len(points), recipe.granularity, units["video"].nunique())
    device = inference_device(threads)
    with threadpool_limits(threads):
        points = prepared(points, recipe, folder)
        units["label"], centroids, inertia = cluster(points, recipe, device)
        agreement = stability(points, units["label"], recipe, device)
        shown = units_on_map(len(points))
        x, y = positions(points[shown], recipe.seed).T
    found = quality(units, table, len(centroids), inertia) | {"stability": agreement}
    write_json(folder / "quality.json", found)
    judge_pseudo_labels(
        "the pseudo-labels",
        found["sizes"],
        agreement,
        found.get("purity"),
        found.get("chance_purity"),
    ).log()
    with replacing(folder / "map.csv") as temporary:
        units.iloc[shown].assign(x=x, y=y).to_csv(temporary, index=False, float_format="%.4f")
    with replacing(folder / "centroids.npy") as temporary, temporary.open("wb") as file:
        np.save(file, centroids)
    with replacing(output) as temporary:
        units.to_csv(temporary, index=False)


def source_points(
    recipe: PseudoLabels, chosen: set[str], files: list[Path], folder: Path
) -> tuple[np.ndarray, pd.DataFrame]:
    """Features of the chosen videos: one row (D,) per clip, segment or video, and a table that says
    which it is (video, start, length). The features may not fit in memory, so they are a memory map
    of a temporary file in `folder`."""
    names, starts, lengths = [], [], []
    with tempfile.TemporaryFile(dir=folder) as file:
        for video in read_features(files):
            if video.video not in chosen:
                continue
            if not (np.abs(video.features) < LARGEST).all():
                raise MotionFitError(
                    f"the features of {video.video} are too large or not numbers: the training of "
                    f"the motion model {recipe.motion_model!r} has diverged: lower "
                    f"motion_models.{recipe.motion_model}.training.learning_rate"
                )
            units = aggregate(video, recipe)
            file.write(np.ascontiguousarray(units.features, np.float32))
            names.append(video.video)
            starts.append(units.starts)
            lengths.append(units.lengths)
            columns = units.features.shape[1]
        if not names:
            raise MotionFitError("no video of the source has features: see its ledger")
        points = mapped(file, columns)
    table = pd.DataFrame(
        {
            "video": np.repeat(np.array(names, object), [len(s) for s in starts]),
            "start": np.concatenate(starts),
            "length": np.concatenate(lengths),
        }
    )
    return points, table


def cluster(
    points: np.ndarray, recipe: PseudoLabels, device: torch.device = CPU
) -> tuple[np.ndarray, np.ndarray, float]:
    """Euclidean K-means of points (N, D): labels (N,) int, centroids (K, D) float32, inertia.

    Each of the labels 0..K-1 occurs. Raises MotionFitError if there are fewer distinct points than
    clusters. If there are very few, the training of the motion model has probably diverged, and the
    message says so.
    """
    different = set()
    for point in points:
        different.add(point.tobytes())
        if len(different) == recipe.clusters:
            break
    else:
        unit = recipe.granularity.split("_")[0]
        advice = "use fewer clusters, a larger source or a smaller features.stride"
        if len(different) <= max(1, COLLAPSED * len(points)):
            key = f"motion_models.{recipe.motion_model}.training.learning_rate"
            advice = (
                f"the motion model {recipe.motion_model!r} gives nearly all of the {len(points)} "
                f"{unit}s the same features, so its training has probably diverged: lower {key}; "
                f"if its history.csv looks sound, {advice}"
            )
        raise MotionFitError(
            f"clusters is {recipe.clusters}, but the source gives only {len(different)} different "
            f"{unit} features: {advice}"
        )
    clustering = kmeans(
        points, recipe.clusters, recipe.restarts, recipe.max_iterations, recipe.seed, device
    )
    return clustering.labels, clustering.centroids, clustering.inertia


def stability(
    points: np.ndarray, labels: pd.Series, recipe: PseudoLabels, device: torch.device = CPU
) -> float | None:
    """How far clusters from another seed agree with these: the adjusted mutual information, 1 if
    they are the same and 0 if they agree by chance. None for a large source, where it would take
    long."""
    if len(points) > FEW_POINTS:
        return None
    other = kmeans(
        points, recipe.clusters, recipe.restarts, recipe.max_iterations, recipe.seed + 1, device
    )
    return float(adjusted_mutual_info_score(labels, other.labels))


def quality(
    table: pd.DataFrame, index: pd.DataFrame, clusters: int, inertia: float
) -> dict[str, object]:
    """Quality of a clustering, for the report. If true labels are known, it includes how far the
    clusters agree with them: normalised mutual information, and purity, which is the share of units
    that have the most common label of their cluster, also for shuffled labels."""
    sizes = np.bincount(table["label"], minlength=clusters)
    result: dict[str, object] = {
        "units": len(table),
        "clusters": clusters,
        "sizes": sizes.tolist(),
        "empty": int((sizes == 0).sum()),
        "videos": table["video"].nunique(),
        "commonest": commonest_share(table),
        "inertia": inertia,
    }
    known = table.merge(index[["video", "label"]], on="video", suffixes=("", "_true"))
    known = known[known["label_true"] != ""]
    if len(known):
        truth = known["label_true"]
        result["nmi"] = float(normalized_mutual_info_score(truth, known["label"]))
        result["purity"] = purity(known["label"], truth)
        shuffled = np.random.default_rng(0).permutation(truth)
        result["chance_purity"] = purity(known["label"], shuffled)
    return result


def purity(labels: pd.Series, truth: pd.Series | np.ndarray) -> float:
    """The share of units that have the most common true label of their cluster."""
    return float(pd.crosstab(labels, truth).max(axis=1).sum() / len(labels))
