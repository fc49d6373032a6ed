"""Measures how fast this machine runs the stages' own code on a sample of the data.

Each measurement takes a second or two, after a warm-up that compiles, allocates memory and fills
caches. It uses the device and the number of threads that a job would get. On a CPU, a rate is CPU
time divided by the number of threads, since other programs affect wall-clock time more.
"""

import logging
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from motionfit.config import Flow, Size
from motionfit.errors import MotionFitError
from motionfit.estimate.survey import Survey
from motionfit.flow.methods import BATCHED
from motionfit.flow.shards import SEGMENT, store_flow
from motionfit.inference import outputs_at
from motionfit.models import Learned, SavedModel, build_network
from motionfit.pseudo_labels.kmeans import Points, assign, chunk_rows
from motionfit.store.clips import ClipStore
from motionfit.store.images import encode_jpeg
from motionfit.store.shards import write_shard
from motionfit.store.video import UnreadableVideoError, decode

log = logging.getLogger(__name__)

BUDGET = 2.0
"""Seconds that a measurement takes, approximately."""
KEPT = 64
"""Frames per sampled video that are kept for the other measurements."""
CLASSES = 400
"""Number of classes of the timed networks. It has little effect on the time."""
OPERATIONS = 2e10
"""Multiplications and additions in a timed pass of K-means on a CPU; a GPU does ten times as
many."""


@dataclass(frozen=True)
class Stored:
    """Cost of stored frames or flow."""

    seconds: float
    """Seconds per frame, or per pair of frames for flow, on all threads of the job."""
    bytes: float
    """Bytes per frame, including its share of the rest of the shard."""
    shard: Path
    """The stored sample."""


@dataclass(frozen=True)
class Sample(Stored):
    """Sampled videos, decoded, resized and stored."""

    encoded: list[tuple[str, list[bytes]]]
    """Each video and its first frames as JPEG."""


@dataclass(frozen=True)
class Inference:
    """Time that a network needs to process clips."""

    seconds: float
    """Seconds per clip."""
    start: float = 0.0
    """Seconds per job until its worker processes deliver clips, not counting the start of the
    program."""


class Timer:
    """Measures seconds from its creation: wall-clock time on a GPU, otherwise CPU time divided by
    the number of threads."""

    def __init__(self, threads: int, gpu: bool):
        self._clock = time.perf_counter if gpu else time.process_time
        self._divisor = 1 if gpu else threads
        self._started = self._clock()

    @property
    def seconds(self) -> float:
        return (self._clock() - self._started) / self._divisor


# ------------------------------------------------------------------------------ frames and flow


def measure_frames(
    survey: Survey, size: Size, fps: float | None, quality: int, folder: Path
) -> Sample:
    """Decodes, resizes and stores sampled videos until the time is up. Raises MotionFitError if no
    video can be decoded."""
    encoded: list[tuple[str, list[bytes]]] = []
    count, problem = 0, ""
    begun = time.process_time()

    def over() -> bool:
        return time.process_time() - begun > BUDGET

    for path in survey.paths:
        kept: list[bytes] = []
        try:
            for frame in decode(path, size, fps):
                data = encode_jpeg(frame, quality)
                count += 1
                if len(kept) < KEPT:
                    kept.append(data)
                elif over():
                    break
        except UnreadableVideoError as error:
            problem = f"{path}: {error}"
            log.warning("%s: %s", survey.name, problem)
        if len(kept) > 1:
            encoded.append((str(path), kept))
        if over():
            break
    seconds = time.process_time() - begun
    if not encoded:
        reason = problem or "each has only one frame, and motion needs two"
        raise MotionFitError(f"datasets.{survey.name}: no sampled video can be decoded: {reason}")
    shard = folder / "0.h5"
    write_sample(encoded, {"size": list(size), "fps": fps, "quality": quality}, shard)
    stored = sum(len(frames) for _, frames in encoded)
    return Sample(seconds / count, shard.stat().st_size / stored, shard, encoded)


def write_sample(encoded: list[tuple[str, list[bytes]]], recipe: dict, path: Path) -> None:
    with write_shard(path, "frames", recipe) as shard:
        for video, frames in encoded:
            shard.add(video, frames, source=video, rate=1.0)


def measure_flow(sample: Sample, recipe: Flow, threads: int, folder: Path) -> Stored:
    """Computes and stores the flow of as many sampled videos as there is time for."""
    stored = {"size": list(recipe.size), "fps": None}
    video, frames = sample.encoded[0]
    folder.mkdir(parents=True, exist_ok=True)
    frames_shard, shard = folder / "frames.h5", folder / "0.h5"
    seconds = 0.0
    for turn in range(2):
        chosen = [(video, frames[: SEGMENT + 1])] if turn == 0 else first_videos(sample, seconds)
        write_sample(chosen, stored, frames_shard)
        pairs = sum(len(of_video) - 1 for _, of_video in chosen)
        for _ in range(2 - turn):  # the first pass compiles, or loads what is compiled already
            timer = Timer(threads, recipe.method in BATCHED)
            store_flow(frames_shard, recipe, threads, shard)
            seconds = timer.seconds / pairs
    return Stored(seconds, shard.stat().st_size / sum(len(f) for _, f in chosen), shard)


def first_videos(sample: Sample, seconds: float) -> list[tuple[str, list[bytes]]]:
    """As many videos of a sample as fit into the time at `seconds` per pair, at least one."""
    pairs = np.cumsum([len(frames) - 1 for _, frames in sample.encoded])
    count = int(np.searchsorted(pairs, BUDGET / seconds, side="right"))
    return sample.encoded[: max(count, 1)]


# ------------------------------------------------------------------------------------ inference


def measure_inference(
    backbone: str, clips: Path, modality: str, clip_length: int, crop: int, threads: int, gpu: bool
) -> Inference:
    """Times a network on clips of the shard `clips`, run as for features and evaluations."""
    device = torch.device("cuda" if gpu else "cpu")
    torch.set_num_threads(threads)
    network = build_network(backbone, modality, CLASSES, seed=0).to(device).eval()
    store = ClipStore(clips.parent, [clips.stem], modality)
    about = SavedModel(
        backbone=backbone,
        modality=store.modality,
        classes=[],
        clip_length=clip_length,
        frame_size=store.recipe["size"],
        crop=crop,
        learned=Learned.NOTHING,
        recipe="{}",
    )
    videos = list(store.shards)

    def seconds(count: int) -> float:
        positions = [(videos[i % len(videos)], 0) for i in range(count)]
        timer = Timer(threads, gpu)
        outputs_at(network.features, about, store, positions, device, threads)
        return timer.seconds

    if not gpu:
        seconds(1)
        count = min(max(1, int(BUDGET / seconds(1))), 256)
        return Inference(seconds(count) / count)
    few, many = 32 * threads, 32 * threads * 4
    seconds(few)
    few_seconds, many_seconds = seconds(few), seconds(many)
    if many_seconds > few_seconds:
        rate = (many_seconds - few_seconds) / (many - few)
    else:
        rate = many_seconds / many  # the start dominates, so this is only an upper bound
    return Inference(rate, max(few_seconds - few * rate, 0))


def weight_bytes(backbone: str, modality: str) -> int:
    """Bytes of a network's weights. The size of its classifier has little effect."""
    with torch.device("meta"):
        state = build_network(backbone, modality, CLASSES, seed=0).state_dict()
    return sum(tensor.numel() * tensor.element_size() for tensor in state.values())


# -------------------------------------------------------------------------------------- K-means


def measure_kmeans(clusters: int, dimensions: int, threads: int, gpu: bool) -> float:
    """Seconds per point in one iteration of K-means on points in memory."""
    device = torch.device("cuda" if gpu else "cpu")
    torch.set_num_threads(threads)
    operations = OPERATIONS * (10 if gpu else 1)
    count = int(np.clip(operations / (2 * clusters * dimensions), clusters, 200_000))
    rng = np.random.default_rng(0)
    points = rng.standard_normal((count, dimensions), dtype=np.float32)
    with threadpool_limits(threads):
        data = Points(points, clusters, device, chunk_rows(dimensions, clusters, device))
        centroids = data.take(np.arange(clusters))
        labels = np.full(count, -1)
        assign(data, centroids, labels)
        timer, passes = Timer(threads, gpu), 0
        while not passes or timer.seconds < BUDGET / 2:
            assign(data, centroids, labels)
            passes += 1
    return timer.seconds / passes / count


# --------------------------------------------------------------------------------- the program


def measure_start(module: str) -> float:
    """Seconds of CPU time until a job has loaded the code of its stage."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
