"""The pseudo-labels stage: features of the source to clusters."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import normalized_mutual_info_score
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from motionfit.config import LabelledPart, PseudoLabels
from motionfit.datasets.files import few
from motionfit.datasets.index import labelled_train, source_videos
from motionfit.errors import MotionFitError
from motionfit.files import replacing, write_json
from motionfit.pseudo_labels.features import read_features
from motionfit.pseudo_labels.granularity import aggregate, unit_lengths

log = logging.getLogger(__name__)


def make_pseudo_labels(
    recipe: PseudoLabels,
    index: pd.DataFrame,
    split: int,
    labelled: LabelledPart,
    features: Path,
    threads: int,
    folder: Path,
) -> None:
    """Clusters the source's motion features, the shards in the folder `features`.

    `labelled`: what the motion model learned from, where the recipe leaves that out.

    Writes `labels.csv` (video, start, length, label: a row a clip, segment or video),
    `centroids.npy` (K, D) float32, of the features as they are clustered, and `quality.json` to
    `folder`.
    """
    chosen = chosen_videos(recipe, index, split, labelled)
    rows, means = [], []
    shards = sorted(set(index["shard"]))
    for video in read_features([features / f"{shard}.h5" for shard in shards]):
        if video.video not in chosen:
            continue
        units = aggregate(video, recipe)
        means.append(units.features)
        lengths = unit_lengths(units, recipe.granularity)
        rows += [(video.video, int(s), int(n)) for s, n in zip(units.starts, lengths, strict=True)]
    if not rows:
        raise MotionFitError("none of the source's videos has features: see its ledger")
    points = np.concatenate(means)
    log.info("%d %ss of %d videos", len(points), recipe.granularity, len(means))
    with threadpool_limits(threads):
        labels, centroids, inertia = cluster(prepared(points, recipe), recipe)
    table = pd.DataFrame(rows, columns=["video", "start", "length"])
    table["label"] = labels
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "quality.json", quality(table, index, len(centroids), inertia))
    with replacing(folder / "centroids.npy") as temporary, temporary.open("wb") as file:
        np.save(file, centroids)
    with replacing(folder / "labels.csv") as temporary:
        table.to_csv(temporary, index=False)


def chosen_videos(
    recipe: PseudoLabels, index: pd.DataFrame, split: int, labelled: LabelledPart
) -> set[str]:
    """Ids of the source's videos that are clustered.

    Raises MotionFitError where a class to leave out is none of the source's, or nothing is left.
    """
    rows = source_videos(index, split, "all" if recipe.videos == "all" else "train")
    if recipe.videos == "unlabelled":
        used = labelled_train(index, split, labelled.label_fraction, labelled.label_seed)
        rows = rows[~rows["video"].isin(used["video"])]
    if recipe.exclude_classes:
        names = [name.strip() for name in recipe.exclude_classes.read_text("utf-8").splitlines()]
        names = [name for name in names if name and not name.startswith("#")]
        if unknown := sorted(set(names) - set(index["label"])):
            raise MotionFitError(
                f"exclude_classes: the source has no class {few(unknown)}, which "
                f"{recipe.exclude_classes} names: write each as the source's annotations do"
            )
        rows = rows[~rows["label"].isin(names)]
    if rows.empty:
        raise MotionFitError("none of the source's videos is left to cluster: see videos and "
                             "exclude_classes")  # fmt: skip
    return set(rows["video"])


def prepared(points: np.ndarray, recipe: PseudoLabels) -> np.ndarray:
    """Points (N, D) as they are clustered, (N, D'): reduced to principal components and scaled to
    unit length where the recipe says so (as Caron et al. 2018 do). Raises MotionFitError where
    there are fewer points or dimensions than components."""
    if recipe.pca is not None:
        if recipe.pca > min(points.shape):
            raise MotionFitError(
                f"pca is {recipe.pca}, but there are only {len(points)} features of "
                f"{points.shape[1]} dimensions: take fewer components"
            )
        pca = PCA(recipe.pca, whiten=recipe.whiten, random_state=recipe.seed)
        points = pca.fit_transform(points)
    return normalize(points) if recipe.normalise else points


def cluster(points: np.ndarray, recipe: PseudoLabels) -> tuple[np.ndarray, np.ndarray, float]:
    """Euclidean K-means of points (N, D): labels (N,) int, centroids (K, D) float32, inertia.

    Labels are 0..K-1 without holes: an emptied cluster is given the point farthest from its
    centroid. Raises MotionFitError where there are fewer different points than clusters.
    """
    different = set()
    for point in points:
        different.add(point.tobytes())
        if len(different) == recipe.clusters:
            break
    else:
        raise MotionFitError(
            f"clusters is {recipe.clusters}, but the source gives only {len(different)} different "
            f"{recipe.granularity.split('_')[0]} features: take fewer clusters, a larger source or "
            "a smaller features.stride"
        )
    kmeans = KMeans(
        recipe.clusters,
        n_init=recipe.restarts,
        max_iter=recipe.max_iterations,
        random_state=recipe.seed,
        copy_x=False,
    ).fit(points)
    labels, centroids = kmeans.labels_, kmeans.cluster_centers_.astype(np.float32)
    # K-means fills emptied clusters as it goes on; one that is stopped early may end with some.
    for k in np.setdiff1d(np.arange(recipe.clusters), labels):
        counts = np.bincount(labels, minlength=recipe.clusters)
        distances = np.square(points - centroids[labels]).sum(axis=1)
        farthest = np.where(counts[labels] > 1, distances, -1).argmax()
        labels[farthest], centroids[k] = k, points[farthest]
    return labels, centroids, float(kmeans.inertia_)


def quality(
    table: pd.DataFrame, index: pd.DataFrame, clusters: int, inertia: float
) -> dict[str, object]:
    """What the report says of a clustering; where true labels are known, how far it agrees with
    them (normalised mutual information, and purity: the share of the commonest label)."""
    sizes = np.bincount(table["label"], minlength=clusters)
    result: dict[str, object] = {
        "units": len(table),
        "clusters": clusters,
        "sizes": sizes.tolist(),
        "empty": int((sizes == 0).sum()),
        "inertia": inertia,
    }
    known = table.merge(index[["video", "label"]], on="video", suffixes=("", "_true"))
    known = known[known["label_true"] != ""]
    if len(known):
        counts = pd.crosstab(known["label"], known["label_true"])
        result["nmi"] = float(normalized_mutual_info_score(known["label_true"], known["label"]))
        result["purity"] = float(counts.max(axis=1).sum() / len(known))
    return result
