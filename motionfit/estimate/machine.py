"""The rates of this machine, each of which is measured when it is first needed."""

import logging
import os
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import TypeVar

import torch

from motionfit.config import Config, Size, Training
from motionfit.estimate import rates, training_rates
from motionfit.estimate.rates import Inference, Sample, Stored
from motionfit.estimate.survey import Survey
from motionfit.estimate.training_rates import Learning, paced
from motionfit.modality import Modality
from motionfit.training.compute import Compute

log = logging.getLogger(__name__)

T = TypeVar("T")


class Machine:
    """This machine, its rates, and the samples that they are measured on."""

    def __init__(self, config: Config, surveys: Mapping[str, Survey], folder: Path):
        """`folder`: holds temporary files of the measurements."""
        self.cores = os.cpu_count() or 1
        self.gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
        """Name of the GPU, or '' if there is none."""
        self.measured: dict[str, str] = {}
        """For each measurement in words, the rate that it gave."""
        self._config = config
        self._surveys = surveys
        self._folder = folder
        self._rates: dict[Hashable, object] = {}

    def threads(self, stage: str) -> int:
        return min(getattr(self._config.resources, stage).threads, self.cores)

    def gpus(self, stage: str, least: int = 0) -> int:
        """GPUs that a job takes if it needs `least`, or more if the config says so."""
        return max(getattr(self._config.resources, stage).gpu, least) if self.gpu else 0

    def modality(self, model: str) -> Modality:
        return Modality.FLOW if self._config.flow_of(model) else Modality.FRAMES

    def _once(self, text: str, unit: str, measure: Callable[[], T], key: Hashable = None) -> T:
        """Calls `measure` at most once per key. `text` and `unit` describe the measurement; the
        text is the key unless another one is given."""
        key = key or text
        if key not in self._rates:
            log.info("measuring %s", text)
            rate = self._rates[key] = measure()
            self.measured[text] = pace(getattr(rate, "seconds", rate), unit)
        return self._rates[key]

    def _scratch(self) -> Path:
        folder = self._folder / f"{len(list(self._folder.iterdir())):04d}"
        folder.mkdir()
        return folder

    def start(self, module: str) -> float:
        """Seconds until a job has loaded a module."""
        text = f"start of a job that loads {module}"
        return self._once(text, "start", lambda: rates.measure_start(module))

    def frames(self, dataset: str, size: Size) -> Sample:
        return self._once(
            f"decoding, resizing and storing {dataset} at {size[0]}x{size[1]}",
            "frames",
            lambda: rates.measure_frames(
                self._surveys[dataset],
                size,
                self._config.datasets[dataset].fps,
                self._config.frame_quality,
                self._scratch(),
            ),
        )

    def flow(self, dataset: str, flow: str) -> Stored:
        recipe, threads = self._config.flow[flow], self.threads("flow")
        sample = self.frames(dataset, recipe.size)
        return self._once(
            f"flow {flow} of {dataset}, {threads} threads",
            "pairs",
            lambda: rates.measure_flow(sample, recipe, threads, self._scratch()),
        )

    def _clips(self, dataset: str, model: str) -> Path:
        """A shard with the sample of a data set in the modality that a model reads."""
        if flow := self._config.flow_of(model):
            return self.flow(dataset, flow).shard
        return self.frames(dataset, self._config.size_of(model)).shard

    def inference(
        self, stage: str, dataset: str, model: str, clip_length: int, crop: int
    ) -> Inference:
        """The rate of a model on clips of a data set."""
        backbone, modality = self._config.models[model].network.backbone, self.modality(model)
        threads, on_gpu = self.threads(stage), self.gpus(stage) > 0
        clips = self._clips(dataset, model)
        text = f"{backbone} on {modality}, {clip_length} frames of {crop} pixels, {threads} threads"
        return self._once(
            text,
            "clips",
            lambda: rates.measure_inference(
                backbone, clips, modality, clip_length, crop, threads, on_gpu
            ),
            (text, self._config.size_of(model), on_gpu),
        )

    def training(
        self,
        stage: str,
        dataset: str,
        model: str,
        clip_length: int,
        recipe: Training,
        teacher: str | None,
    ) -> float:
        """Seconds per clip of a training on one device. `teacher`: the motion model that
        teaches, if any."""
        models, resources = self._config.models, getattr(self._config.resources, stage)
        learning = Learning(
            backbone=models[model].network.backbone,
            clip_length=clip_length,
            recipe=paced(recipe),
            compute=Compute(
                self.threads(stage),
                min(resources.gpu, 1),
                compile=resources.compile,
                channels_last=resources.channels_last,
                gpu_decoding=resources.gpu_decoding,
            ),
            size=self._config.size_of(model),
            modality=self.modality(model),
            teacher=models[teacher].network.backbone if teacher else None,
            clips=self._clips(dataset, model),
            flow=self._clips(dataset, teacher) if teacher else Path(),
        )
        return self._once(
            f"training {learning}",
            "clips",
            lambda: training_rates.measure_training(learning, self._scratch()),
            learning,
        )

    def kmeans(self, clusters: int, dimensions: int) -> float:
        """Seconds per point and iteration of K-means."""
        threads, on_gpu = self.threads("pseudo_labels"), self.gpus("pseudo_labels") > 0
        return self._once(
            f"an iteration of K-means, {clusters} clusters, {dimensions} dimensions, "
            f"{threads} threads",
            "points",
            lambda: rates.measure_kmeans(clusters, dimensions, threads, on_gpu),
        )


def pace(seconds: float, unit: str) -> str:
    """Formats seconds per unit as units per second, or as seconds if one takes more than a
    second."""
    if unit == "start":
        return f"{seconds:.1f} s"
    if seconds > 1:
        return f"{seconds:.1f} s per {unit.removesuffix('s')}"
    return f"{1 / max(seconds, 1e-12):,.3g} {unit}/s"
