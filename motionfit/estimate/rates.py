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
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from motionfit.clips.sampling import LabelledVideo
from motionfit.config import FineTuning, Flow, SelfTraining, Size, Training
from motionfit.errors import MotionFitError
from motionfit.estimate.survey import Survey
from motionfit.flow.methods import BATCHED
from motionfit.flow.shards import SEGMENT, store_flow
from motionfit.inference import outputs_at
from motionfit.modality import Modality
from motionfit.models import Learned, SavedModel, build_network
from motionfit.pseudo_labels.kmeans import Points, assign, chunk_rows
from motionfit.store.clips import ClipStore
from motionfit.store.images import encode_jpeg
from motionfit.store.shards import write_shard
from motionfit.store.video import UnreadableVideoError, decode
from motionfit.training.compute import Compute
from motionfit.training.labels import training_and_validation
from motionfit.training.loop import train
from motionfit.training.objective import ClipLosses, Mars, Mers, Objective, Teacher

log = logging.getLogger(__name__)

BUDGET = 2.0
"""Seconds that a measurement takes, approximately."""
KEPT = 64
"""Frames per sampled video that are kept for the other measurements."""
WARM_UP_CLIPS = 2
"""Clips per step of the warm-up. Batch normalisation needs more than one if feature maps are
tiny."""
GPU_BATCHES = 16
"""Batches in a timed epoch on a GPU."""
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


@dataclass(frozen=True)
class Learning:
    """A training to be timed. Trainings that take the same time per clip are equal."""

    backbone: str
    clip_length: int
    recipe: Training
    compute: Compute
    size: Size
    """Height and width of the stored frames or flow."""
    on_flow: bool
    """Whether the network reads flow, and not RGB frames."""
    teacher: str | None = None
    """Backbone of the motion model that the network learns from, if any."""
    clips: Path = field(compare=False, default=Path())
    """The shard that the network reads."""
    flow: Path = field(compare=False, default=Path())
    """The shard that the teacher reads."""

    @property
    def modality(self) -> Modality:
        return Modality.FLOW if self.on_flow else Modality.FRAMES


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


# -------------------------------------------------------------------------------------- networks


SAME_PACE = {
    "epochs": 2,
    "milestones": (),
    "learning_rate": 1e-4,
    "validation_fraction": 0.0,
    "validation_unit": "group",
    "keep": "last",
    "seed": 0,
    "weight_decay": 5e-4,
    "momentum": 0.9,
}
"""Options that do not affect the time per clip. All timed trainings have these values, so that each
pace is measured once."""


def paced(recipe: Training) -> Training:
    """Returns a recipe that takes the same time per clip and is the same for many trainings.

    Its videos have one clip each, unless the loss needs the order of clips. Its batches are as
    large as the parts of a batch that are computed at a time.
    """
    videos, clips = recipe.batch_size, recipe.clips_per_video
    gap = recipe.clip_gap
    if recipe.multi_clip_weight == 1:
        videos, clips, gap = videos * clips, 1, None
    batch = -(-videos // recipe.accumulate)
    update = {
        **SAME_PACE,
        "batch_size": batch,
        "clips_per_video": clips,
        "clip_gap": gap,
        "accumulate": 1,
    }
    recipe = recipe.model_copy(update=update)
    if isinstance(recipe, FineTuning):
        has_own_pace = recipe.layers == "last" or recipe.mars
    else:
        has_own_pace = isinstance(recipe, SelfTraining) and recipe.neighbours
    if has_own_pace:
        return recipe
    # Without options of its own, a training takes the same time whatever stage it belongs to.
    return Training(**recipe.model_dump(include={*Training.model_fields}))


def measure_training(learning: Learning, folder: Path) -> float:
    """Seconds per clip of a training with the pipeline's own loop, on at most one GPU."""
    R, batch = learning.recipe.clips_per_video, learning.recipe.batch_size
    if torch.cuda.is_available() and learning.compute.devices > 0:
        timed_training(learning, batch, steps=GPU_BATCHES, epochs=2, folder=folder)
        return 1 / float(pd.read_csv(folder / "history.csv")["clips_per_second"].iloc[-1])
    few = min(-(-WARM_UP_CLIPS // R), batch)
    seconds = timed_training(learning, few, steps=3, epochs=1, folder=folder / "few")
    if seconds * R * few > BUDGET:
        return seconds
    batch = max(few, min(batch, int(BUDGET / 2 / (seconds * R))))
    steps = 4 + int(BUDGET / (seconds * R * batch))
    return timed_training(learning, batch, steps, epochs=1, folder=folder / "many")


def timed_training(learning: Learning, batch: int, steps: int, epochs: int, folder: Path) -> float:
    """Trains for some epochs of `steps` steps, each on `batch` videos. Returns the seconds of CPU
    time per clip and thread in the median step of the first epoch, without its first and last
    step."""
    torch.manual_seed(0)
    store = ClipStore(learning.clips.parent, [learning.clips.stem], learning.modality)
    teacher = None
    if learning.teacher:
        teacher = ClipStore(learning.flow.parent, [learning.flow.stem], Modality.FLOW)
    videos = [video for video in store.shards if teacher is None or video in teacher]
    names = [videos[i % len(videos)] for i in range(batch * steps)]
    rows = pd.DataFrame({"video": names, "group": names, "label": ""})
    samples = [three_windows(video, store.length(video)) for video in videos]
    recipe = learning.recipe.model_copy(update={"batch_size": batch, "epochs": epochs})
    clips, _ = training_and_validation(
        rows,
        samples,
        (store, teacher),
        learning.clip_length,
        recipe,
        keep_classes=False,
        encoded=learning.compute.gpu_decoding,
    )
    objective = objective_of(learning)
    step_starts: list[float] = []
    objective.register_forward_pre_hook(lambda *_: step_starts.append(time.process_time()))
    last = isinstance(recipe, FineTuning) and recipe.layers == "last"
    if last:
        objective.freeze_others(objective.network.last_layers(), recipe.freeze_bn)
    try:
        train(
            objective,
            clips,
            None,
            recipe,
            {},
            folder,
            learning.compute,
        )
    except torch.OutOfMemoryError:
        raise MotionFitError(
            f"{learning.backbone}: {batch * recipe.clips_per_video} clips of "
            f"{learning.clip_length} frames of {recipe.crop} pixels do not fit into the GPU's "
            "memory: raise training.accumulate"
        ) from None
    step_seconds = float(np.median(np.diff(step_starts[1:steps])))
    return step_seconds / (batch * recipe.clips_per_video) / learning.compute.threads


def three_windows(video: str, frames: int) -> LabelledVideo:
    """A video with three labelled windows, so that a clip has neighbours whose label to predict."""
    length = max(frames // 3, 1)
    return LabelledVideo(
        video, np.arange(3) * length, np.full(3, length), np.zeros(3, int), np.ones(3)
    )


def objective_of(learning: Learning) -> Objective:
    """A network with random weights, and the losses of the recipe."""
    recipe = learning.recipe
    network = build_network(learning.backbone, learning.modality, CLASSES, seed=0)
    neighbours = recipe.neighbours if isinstance(recipe, SelfTraining) else None
    if learning.teacher is None:
        return ClipLosses(network, learning.modality, recipe, CLASSES, neighbours)
    teacher = Teacher(build_network(learning.teacher, Modality.FLOW, 1, seed=0))
    if isinstance(recipe, FineTuning):
        return Mars(network, recipe, CLASSES, teacher, recipe.mars.weight)
    return Mers(network, teacher, weight=1.0)


def measure_inference(
    backbone: str, clips: Path, modality: str, clip_length: int, crop: int, threads: int, gpu: bool
) -> Inference:
    """Times a network on clips of the shard `clips`, run as for features and evaluations."""
    device = torch.device("cuda" if gpu and torch.cuda.is_available() else "cpu")
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
        timer = Timer(threads, device.type == "cuda")
        outputs_at(network.features, about, store, positions, device, threads)
        return timer.seconds

    if device.type == "cpu":
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
    device = torch.device("cuda" if gpu and torch.cuda.is_available() else "cpu")
    torch.set_num_threads(threads)
    operations = OPERATIONS * (10 if device.type == "cuda" else 1)
    count = int(np.clip(operations / (2 * clusters * dimensions), clusters, 200_000))
    rng = np.random.default_rng(0)
    points = rng.standard_normal((count, dimensions), dtype=np.float32)
    with threadpool_limits(threads):
        data = Points(points, clusters, device, chunk_rows(dimensions, clusters, device))
        centroids = data.take(np.arange(clusters))
        labels = np.full(count, -1)
        assign(data, centroids, labels)
        timer, passes = Timer(threads, device.type == "cuda"), 0
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
