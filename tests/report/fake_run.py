"""Makes a finished run of any config. The project's own functions write the files; the numbers are
made up."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from motionfit.config import Config, Evaluation
from motionfit.datasets.index import classes, part, shard_of, write_index
from motionfit.flow.encoding import quantise
from motionfit.graph import graph_of_evaluations, needed_by_evaluations
from motionfit.pseudo_labels.map import units_on_map
from motionfit.seeds import with_seeds
from motionfit.stages.metrics import metrics
from motionfit.stages.pseudo_labels import quality
from motionfit.store.images import encode_jpeg
from motionfit.store.shards import write_shard

FRAMES = 8


def fake_run(
    config: Config, results: Path, labels: list[str], videos: int = 4, splits: int = 1
) -> Path:
    """Writes into `results` what a run of `config` leaves there.

    Data sets have `videos` videos per label, half of them for testing. The labels of sources are
    unknown.
    """
    rng = np.random.default_rng(0)
    needed = needed_by_evaluations(config)
    sources = {config.source_of(name) for name in config.appearance_models}
    indices = {
        name: fake_index(results, name, labels, videos, 0 if name in sources else splits)
        for name in needed.datasets
    }
    for dataset, size in needed.of("frames"):
        sides = tuple(map(int, size.split("x")))
        fake_frames(results / "frames" / dataset / size, indices[dataset], sides)
    for dataset, flow in needed.of("flow"):
        fake_flow(results / "flow" / dataset / flow, indices[dataset], config.flow[flow])
    trained = needed.splits("motion_model", "appearance_model", "taught_model")
    for name, model_splits in trained.items():
        mers = name in config.appearance_models and config.appearance_models[name].mers
        for split in model_splits:
            fake_history(results / "models" / name / f"split{split}", rng, not mers)
    for name, label_splits in needed.splits("pseudo_labels").items():
        recipe = config.pseudo_labels[name]
        for split in label_splits:
            folder = results / "pseudo_labels" / name / f"split{split}"
            fake_clusters(folder, indices[recipe.dataset], recipe.clusters, rng)
    for name, judged_splits in needed.splits("motion_judgement").items():
        for split in judged_splits:
            text = f"The motion model {name} is right on 50.0% of the test videos."
            judgement = {"text": text, "advice": [], "hopeless": False}
            file = results / "models" / name / f"split{split}" / "judgement.json"
            file.write_text(json.dumps(judgement))
    graph = graph_of_evaluations(config)
    for target, other in graph.compared_data_sets:
        fake_duplicates(results / "duplicates" / target, other, indices[target], indices[other])
    with_copies = with_seeds(config.model_copy(update={"tables": {}}))
    for name, recipe in with_copies.evaluations.items():
        folder = results / "evaluations" / name
        for split in recipe.splits:
            if recipe.fine_tuning:
                fake_history(folder / f"split{split}", rng)
            fake_measures(folder / f"split{split}", indices[recipe.dataset], split, recipe, rng)
        metrics(
            evaluation=folder,
            splits=list(recipe.splits),
            measures=list(recipe.measures),
            output=folder / "metrics.json",
        )
    for name in config.figures:
        path = results / "figures" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(cv2.imencode(".png", np.zeros((4, 6, 3), np.uint8))[1].tobytes())
    return results


def fake_index(
    results: Path, name: str, labels: list[str], videos: int, splits: int
) -> pd.DataFrame:
    rows = []
    for k, label in enumerate(labels):
        for i in range(videos):
            video = f"{k}/video {i} & co.mp4"
            row = {
                "video": video,
                "path": f"/videos/{video}",
                "label": label if splits else "",
                "group": video,
                "shard": shard_of(video, 2),
            }
            sides = {f"split{s + 1}": ("train", "test")[(i + s) % 2] for s in range(splits)}
            rows.append(row | sides)
    index = pd.DataFrame(rows)
    write_index(index, results / "index" / f"{name}.csv")
    return index


def stored(index: pd.DataFrame) -> pd.DataFrame:
    """All videos except the first, which stands for one that could not be decoded."""
    return index.iloc[1:]


def fake_frames(folder: Path, index: pd.DataFrame, size: tuple[int, int]) -> None:
    height, width = size
    for shard, rows in stored(index).groupby("shard"):
        with write_shard(folder / f"{shard}.h5", "frames", {"size": size, "fps": None}) as writer:
            for i, video in enumerate(rows["video"]):
                frames = []
                for t in range(FRAMES):
                    image = np.full((height, width, 3), 40 + 13 * i % 160, np.uint8)
                    image[4 : height // 2, 3 * t : 3 * t + 8] = (250, 90, 20)
                    frames.append(encode_jpeg(image, 90))
                writer.add(video, frames, video, rate=12.0)
    lost = {"video": index["video"][0], "path": "x", "reason": "broken", "frames_kept": 0}
    pd.DataFrame([lost]).to_csv(folder / "failed.csv", index=False)


def fake_flow(folder: Path, index: pd.DataFrame, recipe) -> None:
    height, width = recipe.size
    right = quantise(
        np.stack([np.full((height, width), 3.0), np.zeros((height, width))]), recipe.bound
    )
    for shard, rows in stored(index).groupby("shard"):
        with write_shard(folder / f"{shard}.h5", "flow", recipe.model_dump(mode="json")) as writer:
            for video in rows["video"]:
                writer.add(
                    video, [encode_jpeg(np.concatenate(right), 95)] * FRAMES, video, rate=12.0
                )


def fake_duplicates(folder: Path, name: str, target: pd.DataFrame, other: pd.DataFrame) -> None:
    """One pair of near-duplicates."""
    folder.mkdir(parents=True, exist_ok=True)
    video, copied = stored(target)["video"].iloc[0], stored(other)["video"].iloc[-1]
    columns = ["video", "other", "splits", "similarity", "shift"]
    pairs = pd.DataFrame([(video, copied, "1", 0.875, -0.25)], columns=columns)
    pairs.to_csv(folder / f"{name}.csv", index=False)
    compared = {"videos": 2, "others": 5, "pairs": 10}
    (folder / f"{name}.json").write_text(json.dumps(compared))


def fake_history(folder: Path, rng: np.random.Generator, labels: bool = True) -> None:
    """`labels`: whether the training learns labels and so has an accuracy."""
    epochs = np.arange(1, 13)
    table = pd.DataFrame(
        {
            "epoch": epochs,
            "learning_rate": np.where(epochs > 8, 1e-3, 1e-2),
            "train_loss": 3 / epochs + rng.uniform(0, 0.3, 12),
            "train_accuracy": 1 - 0.9 / epochs,
            "validation_loss": 3 / np.sqrt(epochs) + rng.uniform(0, 0.3, 12),
            "validation_accuracy": 0.8 - 0.6 / epochs + rng.uniform(0, 0.1, 12),
            "seconds": 1.5,
            "kept": (epochs == 9).astype(int),
        }
    )
    if not labels:
        table = table.drop(columns=["train_accuracy", "validation_accuracy"])
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "history.csv", index=False)


def fake_clusters(
    folder: Path, index: pd.DataFrame, clusters: int, rng: np.random.Generator
) -> None:
    rows = [(video, start, 4) for video in stored(index)["video"] for start in (0, 2, 4)]
    units = pd.DataFrame(rows, columns=["video", "start", "length"])
    units["label"] = np.floor(clusters * rng.random(len(units)) ** 2).astype(int)
    found = quality(units, index, clusters, inertia=123.4) | {"stability": 0.8}
    folder.mkdir(parents=True)
    units.to_csv(folder / "labels.csv", index=False)
    shown = units.iloc[units_on_map(len(units))]
    places = dict(zip("xy", rng.random((2, len(shown))), strict=True))
    shown.assign(**places).to_csv(folder / "map.csv", index=False)
    (folder / "quality.json").write_text(json.dumps(found))


def fake_measures(
    folder: Path, index: pd.DataFrame, split: int, recipe: Evaluation, rng: np.random.Generator
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if "recognition" in recipe.measures:
        fake_recognition(folder, index, split, rng)
    if "retrieval" in recipe.measures:
        fake_retrieval(folder, index, split, recipe, rng)


def videos_to_test(index: pd.DataFrame, split: int) -> pd.DataFrame:
    return part(stored(index), split, "test")[["video", "label"]].reset_index(drop=True)


def fake_recognition(
    folder: Path, index: pd.DataFrame, split: int, rng: np.random.Generator
) -> None:
    names, test = classes(index), videos_to_test(index, split)
    probabilities = rng.dirichlet(np.ones(len(names)), len(test))
    truth = np.array([names.index(label) for label in test["label"]])
    probabilities[np.arange(len(test)), truth] += rng.uniform(0, 6 / len(names), len(test))
    order = np.argsort(-probabilities, axis=1)
    hits = order == truth[:, None]
    recognition = {"top1": hits[:, 0].mean(), "top5": hits[:, :5].any(axis=1).mean()}
    (folder / "recognition.json").write_text(json.dumps({**recognition, "videos": len(test)}))
    table = test.assign(predicted=[names[k] for k in order[:, 0]])
    table = pd.concat(
        [table, pd.DataFrame(probabilities, columns=[f"p({name})" for name in names])], axis=1
    )
    table.to_csv(folder / "predictions.csv", index=False)


def fake_retrieval(
    folder: Path, index: pd.DataFrame, split: int, recipe: Evaluation, rng: np.random.Generator
) -> None:
    test = videos_to_test(index, split)
    recalls = {f"R@{k}": min(0.3 + k / 50, 1) for k in recipe.recall_at}
    (folder / "retrieval.json").write_text(json.dumps({"clip": recalls, "video": recalls}))
    train = part(stored(index), split, "train")
    rows = []
    for query in test.itertuples():
        for rank, place in enumerate(rng.permutation(len(train))[:10], 1):
            neighbour = train.iloc[place]
            rows.append(
                (
                    query.video,
                    2,
                    query.label,
                    rank,
                    neighbour["video"],
                    1,
                    neighbour["label"],
                    round(1 - rank / 50, 4),
                )
            )
    columns = [
        "query",
        "query_start",
        "query_label",
        "rank",
        "video",
        "start",
        "label",
        "similarity",
    ]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "neighbours.csv", index=False)


def fake_benchmark(path: Path, seconds: object, memory: object) -> None:
    """Writes a benchmark file as Snakemake does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\tcpu_time\n{seconds}\t0:00:01\t{memory}\t1.0\n")
