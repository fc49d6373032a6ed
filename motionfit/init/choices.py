"""Chooses the values of a config from what the videos look like, each with its reason."""

import logging
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from motionfit.config import FineTuning, SelfTraining, Size, Training
from motionfit.errors import MotionFitError
from motionfit.gpus import devices
from motionfit.init.look import WATCHED, Labelled, Unlabelled, displacements, watch
from motionfit.judgement import FAST, SLOW

log = logging.getLogger(__name__)

CLIP = 16
"""Frames per clip, as in the paper."""
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
ON_CPU = {"motion": 900, "appearance": 4000, "fine_tuning": 2200}
"""Steps of each training without a GPU: about those of configs/egogestar.yaml."""
LEAST_ON_GPU = {"motion": 5000, "appearance": 10_000, "fine_tuning": 5000}
"""Fewest steps of each training on a GPU."""


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
    """Videos that could not be decoded."""
    watched: int
    """Videos that were decoded."""


@dataclass(frozen=True)
class Machine:
    """What the config will run on."""

    cores: int
    gpu: bool
    bf16: bool
    """Whether the processor computes with 16-bit numbers of the type bf16."""

    @classmethod
    def this(cls) -> "Machine":
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
        if self.folds.value:
            return Choice(2, "trains everything twice, since two trainings of few videos differ")
        return Choice(1, "2 trains everything twice, and takes twice the time")

    @property
    def threads(self) -> int:
        """Cores of each training, if those of all folds and seeds run side by side."""
        return max(1, self.machine.cores // ((self.folds.value or 1) * self.seeds.value))


def choose(labelled: Labelled, unlabelled: Unlabelled | None, machine: Machine) -> Choices:
    """Chooses the values. Raises MotionFitError if no sampled video can be decoded."""
    source = unlabelled.looks if unlabelled else labelled.looks
    usual = float(np.median(labelled.looks.seconds))
    rate = min(slow_rate(labelled.looks.rates), slow_rate(source.rates))
    fps, clip_length = choose_rate(usual, rate)
    flow_size, motion, bound = choose_flow(labelled, unlabelled, float(fps.value), machine)
    frames_per_video = float(np.median(source.seconds)) * float(fps.value)
    stride, granularity = choose_clips(frames_per_video, int(clip_length.value))
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
        choose_clusters(len(labelled.classes), round(source.count * clips), granularity.value),
        choose_folds(labelled),
        choose_backbone(machine),
        choose_steps(len(labelled.index), source.count, machine),
        motion,
        machine,
    )


def slow_rate(rates: np.ndarray) -> float:
    """A frame rate that nine tenths of the videos have or exceed."""
    return float(np.percentile(rates, 10))


def choose_rate(usual: float, rate: float) -> tuple[Choice, Choice]:
    """The frame rate and the clip length for labelled videos that last `usual` seconds in the
    median, and whose rate is `rate` or more."""
    span = min(usual, LONGEST_CLIP)
    # Decimal places only below 1 frame per second, as in time-lapse videos.
    fps = min(max(1, round(CLIP / span)), max(1, math.floor(rate)) if rate >= 1 else round(rate, 3))
    frames = int(usual * fps)
    length = CLIP if frames >= SHORT * CLIP else max(4, frames)
    kind = "the whole of a usual video" if usual <= LONGEST_CLIP else "an action"
    return (
        Choice(fps, f"a clip then lasts {length / fps:.1f} seconds, enough for {kind}"),
        Choice(
            length,
            "as in the paper"
            if length == CLIP
            else f"usual videos have {length} frames at {fps}/s",
        ),
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
    why = f"the fastest 5% of the pixels move {fast:.1f} pixels per frame or more"
    if machine.gpu:
        why = "as in the paper"
    elif fast < VISIBLE:
        why = f"the largest of the sizes tried, but {why[:-8]}, which is little"
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
        return Choice(list(flow_size), "as in the paper")
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
    wanted = max(math.ceil(1.6 * classes), items // 50)
    clusters = max(2, min(1000, wanted, items // 4))
    return Choice(
        clusters, f"{items} {granularity}s of the source, and {classes} classes of your own"
    )


def choose_folds(labelled: Labelled) -> Choice:
    """The number of folds, or null for one split."""
    if labelled.has_split:
        return Choice(None, "labels.csv has a column split")
    if len(labelled.index) >= MANY:
        return Choice(None, f"{len(labelled.index)} videos are enough for a single test set")
    groups_of_class = labelled.index.groupby("label")["group"].nunique()
    folds = min(4, int(groups_of_class.min()))
    if folds < 2:
        label = groups_of_class.idxmin()
        return Choice(None, f"all videos of {label} are of one group, so folds can't be made")
    return Choice(folds, "tests each labelled video once, since there are few")


def choose_steps(labelled: int, source: int, machine: Machine) -> dict[str, Choice]:
    """Steps of each training, for these numbers of videos."""
    if not machine.gpu:
        why = "as in configs/egogestar.yaml, whatever the number of videos"
        return {name: Choice(steps, why) for name, steps in ON_CPU.items()}
    papers = {
        "motion": (Training(), labelled),
        "appearance": (SelfTraining(), source),
        "fine_tuning": (FineTuning(), labelled),
    }
    chosen = {}
    for name, (recipe, videos) in papers.items():
        steps = recipe.epochs * math.ceil(videos / recipe.batch_size)
        least = LEAST_ON_GPU[name]
        why = (
            f"the paper's {recipe.epochs} epochs"
            if steps >= least
            else "the fewest that make sense"
        )
        chosen[name] = Choice(max(steps, least), why)
    return chosen
