"""Chooses the values of a config from what the videos look like, each with its reason."""

import logging
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from motionfit.config import FineTuning, Folders, SelfTraining, Size, Training
from motionfit.datasets.folders import draw_test_groups, groups_of_folds
from motionfit.errors import MotionFitError
from motionfit.evaluation.comparison import FEWEST_REPEATS
from motionfit.gpus import devices
from motionfit.init.look import WATCHED, Labelled, Unlabelled, displacements, watch
from motionfit.judgement import FAST, SLOW

log = logging.getLogger(__name__)

CLIP = 16
"""Frames per clip, as in the paper."""
SHORTEST = 4
SHORT = 0.75
"""Share of the frames of a clip that a usual video has to have. A clip of a shorter video begins
again with its first frame."""
LONGEST_CLIP = 3.2
"""Seconds that a clip spans at most: an action, not a whole recording. It is that of
configs/egogestar.yaml."""
SIDES = (36, 48, 64, 96, 128)
"""Shorter sides of the flow that are tried without a GPU, in pixels."""
VISIBLE = 2 * SLOW
"""Displacement in pixels per frame that the fastest pixels need. At `SLOW`, flow is mostly
noise."""
WITHIN_BOUND = 99.9
"""Percentage of the displacements that the flow's bound holds. What moves is a small part of most
pictures, so a lower one would cut the motion that tells the classes apart."""
MANY = 1000
"""Labelled videos from which on a single test set says enough."""
TEST_PART = 0.25
"""Part of the labelled videos that is tested, without folds and a column split."""
PER_CLASS = 1.6
"""Clusters per class of a small source, as in configs/egogestar.yaml: a class has several ways to
move."""
PER_CLUSTER = 50
"""Videos or clips per cluster of a larger source."""
LEAST_ON_CPU = {"motion": 900, "appearance": 4000, "fine_tuning": 2200}
"""Fewest steps of each training without a GPU: about those of configs/egogestar.yaml."""
PASSES_ON_CPU = 10
"""Passes over many videos without a GPU. The paper's 45 to 120 would take days."""
BATCH_ON_CPU = 4
"""Videos per batch without a GPU, as in configs/egogestar.yaml."""
LEAST_ON_GPU = {"motion": 5000, "appearance": 10_000, "fine_tuning": 5000}
"""Fewest steps of each training on a GPU: more than without one, for the larger network. These have
not been measured."""


class Choice(NamedTuple):
    """A value of the config, and why it was chosen."""

    value: object
    why: str


class Motion(NamedTuple):
    """How far things move in the sampled videos, at the rate and size that were chosen."""

    typical: float
    """Median displacement in pixels per frame."""
    fast: float
    """Displacement that the fastest 5% of the pixels reach, in pixels per frame."""
    failed: list[str]
    """Videos that are damaged, with the reason."""
    watched: int
    """Videos that this was measured on."""


@dataclass(frozen=True)
class Machine:
    """What the config will run on."""

    cores: int
    gpu: bool
    bf16: bool
    """Whether the processor computes with 16-bit numbers of the type bf16."""

    @classmethod
    def this(cls) -> "Machine":
        """The machine that this command runs on."""
        flags = Path("/proc/cpuinfo")
        words = flags.read_text().split() if flags.is_file() else []
        return cls(
            os.cpu_count() or 1, bool(devices()), bool({"avx512_bf16", "amx_bf16"} & {*words})
        )


@dataclass(frozen=True)
class Choices:
    """The values that depend on the videos and the machine."""

    fps: Choice
    clip_length: Choice
    flow_size: Choice
    frame_size: Choice
    bound: Choice
    stride: Choice
    granularity: Choice
    clusters: Choice
    folds: Choice
    """Number of folds; null for a single test set."""
    backbone: Choice
    steps: dict[str, Choice]
    """Steps of each training: motion, appearance, fine_tuning."""
    motion: Motion
    machine: Machine

    @property
    def seeds(self) -> Choice:
        needed = 1 + -(-FEWEST_REPEATS // (self.folds.value or 1))
        if self.folds.value:
            return Choice(needed, "trainings differ; with fewer seeds the report gives no verdict")
        return Choice(
            1, f"with {needed} the report gives a verdict, and takes {needed} times as long"
        )

    @property
    def threads(self) -> int:
        """Cores of each training, if those of all folds and seeds run side by side."""
        return max(1, self.machine.cores // ((self.folds.value or 1) * self.seeds.value))


def choose(labelled: Labelled, unlabelled: Unlabelled | None, machine: Machine) -> Choices:
    """Chooses the values. Raises MotionFitError if no sampled video can be decoded."""
    source = unlabelled.looks if unlabelled else labelled.looks
    usual = float(np.median(labelled.looks.seconds))
    rate = min(slow_rate(labelled.looks.rates), slow_rate(source.rates))
    # A clip has to fit into some videos of each folder, whichever are in a split.
    long = min(float(np.percentile(looks.seconds, 90)) for looks in (labelled.looks, source))
    fps, clip_length = choose_rate(usual, long, rate)
    flow_size, motion, bound = choose_flow(labelled, unlabelled, float(fps.value), machine)
    frames_per_video = float(np.median(source.seconds)) * float(fps.value)
    stride, granularity = choose_clips(frames_per_video, int(clip_length.value))
    folds = choose_folds(labelled)
    trained = 1.0 - (1 / folds.value if folds.value else 0 if labelled.has_split else TEST_PART)
    sources = source.count if unlabelled else int(source.count * trained)
    clips = 1.0
    if granularity.value == "clip":
        clips = max(1.0, (frames_per_video - clip_length.value) / stride.value + 1)
    return Choices(
        fps,
        clip_length,
        flow_size,
        choose_frames(flow_size.value, machine),
        bound,
        stride,
        granularity,
        choose_clusters(len(labelled.classes), int(sources * clips), granularity.value),
        folds,
        choose_backbone(machine),
        choose_steps(int(len(labelled.index) * trained), sources, machine),
        motion,
        machine,
    )


def slow_rate(rates: np.ndarray) -> float:
    """A frame rate that nine tenths of the videos have or exceed."""
    return float(np.percentile(rates, 10))


def choose_rate(usual: float, long: float, rate: float) -> tuple[Choice, Choice]:
    """The frame rate and the clip length for labelled videos that last `usual` seconds in the
    median, and whose rate is `rate` or more. In each folder, some videos last `long` seconds."""
    span = min(usual, LONGEST_CLIP)
    # Decimal places only below 1 frame per second, as in time-lapse videos.
    most = max(1, math.floor(rate)) if rate >= 1 else round(max(rate, 0.001), 3)
    fps = min(max(1, round(CLIP / span)), most, 1000)
    frames, most_frames = int(usual * fps), int(long * fps)
    if frames >= SHORT * CLIP and most_frames >= CLIP:
        length = CLIP
    else:
        length = max(SHORTEST, min(frames, most_frames))
    kind = "the whole of a usual video" if usual <= LONGEST_CLIP else "an action"
    if length == CLIP:
        why = "as in the paper"
    elif length == frames:
        why = f"usual videos have {length} frames at {fps}/s"
    elif length == most_frames:
        why = f"long videos have {length} frames at {fps}/s"
    else:
        why = f"the least that makes a clip; usual videos have {frames} frames at {fps}/s"
    return (
        Choice(fps, f"a clip then lasts {length / fps:.2g} seconds, enough for {kind}"),
        Choice(length, why),
    )


def choose_flow(
    labelled: Labelled, unlabelled: Unlabelled | None, fps: float, machine: Machine
) -> tuple[Choice, Motion, Choice]:
    """The size of the flow, the motion at that size, and the flow's bound."""
    sides = (128,) if machine.gpu else SIDES
    folders = [labelled, *([unlabelled] if unlabelled else [])]
    paths = [path for folder in folders for path in folder.looks.sampled[:WATCHED]]
    log.info("watching %d videos, and computing the flow of some of their frames", len(paths))
    videos, failed = watch(paths, fps, sides[-1])
    if not videos:
        reason = failed[0] if failed else "each has a single frame"
        raise MotionFitError(f"none of {len(paths)} videos can be used, such as {reason}")
    height, width = np.median([frames.shape[1:] for frames in videos], axis=0)
    for side in sides:
        scale = side / min(height, width)
        size = (even(height * scale), even(width * scale))
        lengths = displacements(videos, size, machine.cores)
        typical, fast, most = np.percentile(lengths, [50, 100 * FAST, WITHIN_BOUND])
        if fast >= VISIBLE:
            break
    if machine.gpu:
        why = "as tall as in the paper, in the shape of the videos"
    elif fast >= VISIBLE:
        why = f"the fastest 5% of the pixels move {fast:.1f} pixels per frame or more"
    else:
        why = (
            f"the largest size tried; 95% of the pixels move less than {max(fast, 0.1):.1f} pixels"
        )
    bound = max(1, math.ceil(most))
    return (
        Choice(list(size), why),
        Motion(float(typical), float(fast), failed, len(videos)),
        Choice(bound, f"{WITHIN_BOUND}% of the pixels move less"),
    )


def even(length: float) -> int:
    return 2 * round(length / 2)


def choose_frames(flow_size: Size, machine: Machine) -> Choice:
    if machine.gpu:
        return Choice(list(flow_size), "as tall as in the paper, in the shape of the videos")
    return Choice(
        [even(side * 2 / 3) for side in flow_size],
        "two thirds of the flow, which halves the time of the longest trainings",
    )


def choose_backbone(machine: Machine) -> Choice:
    if machine.gpu:
        return Choice("r2plus1d_18", "the paper's")
    return Choice("r2plus1d_small", "there is no GPU; the paper has r2plus1d_18")


def choose_clips(frames: float, length: int) -> tuple[Choice, Choice]:
    """The stride of dense clips and the granularity of pseudo-labels, for source videos with this
    number of frames in the median."""
    if frames <= 2 * length:
        return (
            Choice(max(1, length // 4), "videos are short, so clips overlap"),
            Choice("video", "usual source videos are shorter than two clips"),
        )
    return (
        Choice(length, "one clip after the other"),
        Choice("clip", "source videos are longer than two clips, and may show several actions"),
    )


def choose_clusters(classes: int, items: int, granularity: str) -> Choice:
    """K for a source of this number of videos or clips."""
    wanted = max(math.ceil(PER_CLASS * classes), items // PER_CLUSTER)
    clusters = max(2, min(1000, wanted, items // 4))
    if clusters == math.ceil(PER_CLASS * classes):
        why = f"{PER_CLASS} per class"
    elif clusters == items // PER_CLUSTER:
        why = f"one per {PER_CLUSTER} {granularity}s of the source"
    else:
        why = "as many as make sense"
    return Choice(clusters, f"{why}, for {items} {granularity}s and {classes} classes")


def choose_folds(labelled: Labelled) -> Choice:
    """The number of folds, or null for one split.

    Raises MotionFitError if no test set can be drawn.
    """
    if labelled.has_split:
        return Choice(None, "labels.csv has a column split")
    rows = labelled.index[["label", "group"]].to_dict("records")
    if not draw_test_groups(rows, TEST_PART, seed=0):
        raise MotionFitError(
            f"each class in {labelled.folder} is in one group only, so no video can be tested on a "
            "network that has learned from other recordings of its class: add recordings"
        )
    if len(rows) >= MANY:
        return Choice(None, f"a single test set, since {len(rows)} videos are enough for one")
    for folds in (4, 3, 2):
        if trains_all_classes(labelled, folds):
            return Choice(folds, "tests each labelled video once, since there are few")
    return Choice(
        None, "a single test set, since folds would leave classes without training videos"
    )


def trains_all_classes(labelled: Labelled, folds: int) -> bool:
    """Whether folds can be made, and each trains on all classes."""
    rows = labelled.index[["label", "group"]].to_dict("records")
    try:
        test_sets = groups_of_folds(
            rows, Folders(format="folders", videos=labelled.folder, folds=folds)
        )
    except MotionFitError:
        return False
    classes = set(labelled.index["label"])
    return all(
        {row["label"] for row in rows if row["group"] not in test} == classes for test in test_sets
    )


def choose_steps(labelled: int, source: int, machine: Machine) -> dict[str, Choice]:
    """Steps of each training, for these numbers of training videos."""
    recipes = {
        "motion": (Training(), labelled),
        "appearance": (SelfTraining(), source),
        "fine_tuning": (FineTuning(), labelled),
    }
    chosen = {}
    for name, (recipe, videos) in recipes.items():
        if machine.gpu:
            least, passes, batch = LEAST_ON_GPU[name], recipe.epochs, recipe.batch_size
            of_many, of_few = f"the paper's {passes} epochs", "few videos take more than its epochs"
        else:
            least, passes, batch = LEAST_ON_CPU[name], PASSES_ON_CPU, BATCH_ON_CPU
            of_many, of_few = f"{passes} passes over the videos", "as in configs/egogestar.yaml"
        steps = passes * math.ceil(videos / batch)
        chosen[name] = Choice(max(steps, least), of_many if steps > least else of_few)
    return chosen
