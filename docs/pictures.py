"""Draws the pictures of docs/method.md from a finished run of the demo:

python docs/pictures.py results docs/pictures
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from motionfit.datasets.index import read_index
from motionfit.flow.colours import flow_colours
from motionfit.flow.encoding import dequantise
from motionfit.modality import Modality
from motionfit.store.clips import ClipStore

SOURCE = "demo-source"
FRAMES = 4
"""Frames of each video in the picture of flow."""
CLUSTERS, CLIPS = 4, 6


class Source:
    """The stored frames and flow of the demo's source."""

    def __init__(self, results: Path):
        shards = read_index(results / "index" / f"{SOURCE}.csv")["shard"]
        [size] = [path for path in (results / "frames" / SOURCE).iterdir() if path.is_dir()]
        [flow] = (results / "flow" / SOURCE).iterdir()
        self.frames = ClipStore(size, shards, Modality.FRAMES)
        self.flow = ClipStore(flow, shards, Modality.FLOW)

    def coloured(self, video: str, start: int, length: int) -> np.ndarray:
        """(L, H, W, 3) flow in colours."""
        bound = self.flow.recipe["bound"]
        stored = self.flow.read(video, start, length)
        return np.stack([flow_colours(dequantise(step, bound), bound / 2) for step in stored])


def grid(
    rows: int, columns: int, labels: list[str], path: Path, pictures: list[np.ndarray]
) -> None:
    """Draws pictures, row by row, with one label per row."""
    figure, axes = plt.subplots(rows, columns, figsize=(1.2 * columns, rows), squeeze=False)
    for axis, picture in zip(axes.flat, pictures, strict=True):
        axis.imshow(picture)
        axis.set(xticks=[], yticks=[])
    for axis, label in zip(axes[:, 0], labels, strict=True):
        axis.set_ylabel(label, fontsize=8)
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def draw_flow(source: Source, videos: list[str], path: Path) -> None:
    pictures, labels = [], []
    for video in videos:
        starts = range(2, 2 + 2 * FRAMES, 2)
        pictures += [source.frames.read(video, start, 1)[0] for start in starts]
        pictures += [source.coloured(video, start, 1)[0] for start in starts]
        labels += ["frames", "flow"]
    grid(2 * len(videos), FRAMES, labels, path, pictures)


def draw_clusters(source: Source, units: pd.DataFrame, path: Path) -> None:
    pictures, labels = [], []
    sizes = units["label"].value_counts()
    for cluster in sizes.index[sizes >= CLIPS][:CLUSTERS]:
        chosen = units[units["label"] == cluster].drop_duplicates("video").head(CLIPS)
        frames = [source.frames.read(row.video, row.start, 1)[0] for row in chosen.itertuples()]
        flow = [
            source.coloured(row.video, row.start, row.length - 1).mean(axis=0) / 255
            for row in chosen.itertuples()
        ]
        pictures += frames + flow
        labels += [f"cluster {cluster}", "mean flow"]
    grid(len(labels), CLIPS, labels, path, pictures)


def main() -> None:
    results, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(exist_ok=True)
    source = Source(results)
    units = pd.read_csv(results / "pseudo_labels" / "clusters" / "split1" / "labels.csv")
    draw_flow(source, [units["video"].iloc[0], units["video"].iloc[-1]], folder / "flow.png")
    draw_clusters(source, units, folder / "clusters.png")


if __name__ == "__main__":
    main()
