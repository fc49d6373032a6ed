"""Computes the cost of each stage of a run from the config's artefacts and this machine's rates."""

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import torch

from motionfit.config import BACKBONES, Config, FineTuning, Resources, Size, Training
from motionfit.datasets.index import hold_out, labelled_train, part, source_videos
from motionfit.estimate import rates
from motionfit.estimate.costs import (
    Cost,
    Job,
    cost,
    dense_clips,
    evaluated_clips,
    kmeans_seconds,
    together,
    training_seconds,
    units,
)
from motionfit.estimate.rates import Inference, Learning, Sample, Stored
from motionfit.estimate.survey import Survey, survey
from motionfit.flow.methods import BATCHED, method_module
from motionfit.graph import Needed, needed_by_run
from motionfit.pseudo_labels.videos import chosen_videos
from motionfit.seeds import with_seeds
from motionfit.store.ranges import ranges
from motionfit.training.compute import Compute

log = logging.getLogger(__name__)

VIDEO_BYTES = 24
"""Bytes per video in a file of features, without its name and the bytes of its clips."""
ROW_BYTES = 20
"""Bytes per row in a file of pseudo-labels, without the name of the video."""
STARTS = {
    "light": "motionfit.stages.table",
    "frames": "motionfit.stages.frames",
    "network": "motionfit.stages.fine_tuning",
    "report": "motionfit.stages.report",
}
"""For each kind of job, the module that it loads when it starts."""

T = TypeVar("T")


class Run:
    """A run of a config on this machine. Each rate is measured when it is first needed."""

    def __init__(self, config: Config, folder: Path, targets: Sequence[str] = ()):
        """`config`: the config as written, without copies for seeds. `folder`: holds temporary
        files of the measurements. `targets`: names of tables and figures; without any, the run
        makes the report."""
        self.config = with_seeds(config)
        self._written = config
        self._targets = targets
        self.measured: dict[str, str] = {}
        """For each measurement in words, the rate that it gave."""
        self.load = os.getloadavg()[0]
        """Mean number of processes that were running in the minute before the estimate."""
        self._folder = folder
        self._rates: dict[Hashable, object] = {}

    @cached_property
    def needed(self) -> Needed:
        return needed_by_run(self._written, self._targets)

    @cached_property
    def surveys(self) -> dict[str, Survey]:
        """Surveys of the data sets that the run needs, by name."""
        surveys = {}
        for name in sorted(self.needed.datasets):
            log.info("surveying the data set %s", name)
            folder = self._folder / "videos" / name
            surveys[name] = survey(name, self.config.datasets[name], folder)
        return surveys

    @cached_property
    def gpu(self) -> str:
        """Name of the GPU, or '' if there is none."""
        return torch.cuda.get_device_name() if torch.cuda.is_available() else ""

    @property
    def cores(self) -> int:
        return os.cpu_count() or 1

    def costs(self) -> list[Cost]:
        """Costs of the stages that have jobs, in the order in which they run."""
        stages = [
            self._render_demo,
            self._index,
            self._frames,
            self._ledger,
            self._flow,
            self._motion_model,
            self._features,
            self._pseudo_labels,
            self._appearance_model,
            self._mers_model,
            self._random_model,
            self._fine_tuning,
            self._recognition,
            self._retrieval,
            self._metrics,
            self._report,
        ]
        return [stage_cost for stage in stages if (stage_cost := stage()).jobs]

    # ------------------------------------------------------------------------------- helpers

    def _once(self, key: Hashable, measure: Callable[[], T], text: str, unit: str) -> T:
        """Calls `measure` at most once per key. `text` and `unit` describe the measurement."""
        if key not in self._rates:
            log.info("measuring %s", text)
            rate = self._rates[key] = measure()
            seconds = getattr(rate, "seconds", rate)
            self.measured[text] = pace(seconds, unit)
        return self._rates[key]

    def _scratch(self) -> Path:
        folder = self._folder / f"{len(list(self._folder.iterdir())):04d}"
        folder.mkdir()
        return folder

    def _threads(self, stage: Resources) -> int:
        return min(stage.threads, self.cores)

    def _gpus(self, stage: Resources) -> int:
        return stage.gpu if self.gpu else 0

    def _cost(self, name: str, jobs: list[Job], kind: str, stage: Resources) -> Cost:
        """Cost of the jobs of a stage. `kind`: a key of STARTS, or the module that a job loads."""
        start = 0.0
        if any(job.count for job in jobs):
            module = STARTS.get(kind, kind)
            start = self._once(
                ("start", module),
                lambda: rates.measure_start(module),
                f"start of a job that loads {module}",
                "start",
            )
        return cost(name, jobs, start, self._threads(stage), self._gpus(stage))

    def _shards(self, dataset: str) -> int:
        return self.surveys[dataset].index["shard"].nunique()

    def _stored_frames(self, dataset: str, size: Size) -> Sample:
        recipe = self.config.datasets[dataset]
        return self._once(
            ("frames", dataset, size),
            lambda: rates.measure_frames(
                self.surveys[dataset], size, recipe.fps, self.config.frame_quality, self._scratch()
            ),
            f"decoding, resizing and storing {dataset} at {size[0]}x{size[1]}",
            "frames",
        )

    def _stored_flow(self, dataset: str, flow: str) -> Stored:
        recipe, stage = self.config.flow[flow], self.config.resources.flow
        sample = self._stored_frames(dataset, recipe.size)
        threads = self._threads(stage)
        return self._once(
            ("flow", dataset, flow),
            lambda: rates.measure_flow(sample, recipe, threads, self._scratch()),
            f"flow {flow} of {dataset}, {threads} threads",
            "pairs",
        )

    def _clips(self, dataset: str, model: str) -> Path:
        """A shard with the sample of a data set in the modality that a model reads."""
        if flow := self.config.flow_of(model):
            return self._stored_flow(dataset, flow).shard
        return self._stored_frames(dataset, self.config.size_of(model)).shard

    def _modality(self, model: str) -> str:
        return "flow" if self.config.flow_of(model) else "frames"

    # ----------------------------------------------------------------------- videos to flow

    def _render_demo(self) -> Cost:
        jobs = [
            Job(
                count=1,
                seconds=survey.videos * survey.render_seconds,
                bytes=survey.videos * survey.render_bytes,
            )
            for survey in self.surveys.values()
            if survey.render_bytes
        ]
        return self._cost(
            "render_demo", jobs, "motionfit.datasets.demo", self.config.resources.render_demo
        )

    def _index(self) -> Cost:
        jobs = [
            Job(
                count=1,
                seconds=survey.index_seconds,
                bytes=len(survey.index.to_csv(index=False)),
            )
            for survey in self.surveys.values()
        ]
        rendered = any(survey.render_bytes for survey in self.surveys.values())
        module = "motionfit.datasets.demo" if rendered else "light"
        return self._cost("index", jobs, module, self.config.resources.index)

    def _frames(self) -> Cost:
        jobs = []
        for dataset, size in sorted(self.needed.frames):
            survey, stored = self.surveys[dataset], self._stored_frames(dataset, size)
            jobs.append(
                Job(
                    count=self._shards(dataset),
                    seconds=survey.all_frames * stored.seconds,
                    bytes=survey.all_frames * stored.bytes,
                    error=survey.error,
                )
            )
        return self._cost("frames", jobs, "frames", self.config.resources.frames)

    def _ledger(self) -> Cost:
        jobs = [Job(count=len(self.needed.frames), seconds=0, bytes=0)]
        return self._cost("ledger", jobs, "frames", self.config.resources.ledger)

    def _flow(self) -> Cost:
        jobs: dict[str, list[Job]] = defaultdict(list)
        for dataset, flow in sorted(self.needed.flow):
            survey, stored = self.surveys[dataset], self._stored_flow(dataset, flow)
            jobs[self.config.flow[flow].method].append(
                Job(
                    count=self._shards(dataset),
                    seconds=(survey.all_frames - survey.videos) * stored.seconds,
                    bytes=survey.all_frames * stored.bytes,
                    error=survey.error,
                )
            )
        costs = []
        for method, of_method in jobs.items():
            stage = self.config.resources.flow
            if method in BATCHED:
                stage = stage.model_copy(update={"gpu": max(stage.gpu, 1)})
            costs.append(self._cost("flow", of_method, method_module(method), stage))
        return together("flow", costs)

    # ----------------------------------------------------------------------------- trainings

    def _motion_model(self) -> Cost:
        config, jobs = self.config, []
        for name, split in sorted(self.needed.of("motion_model")):
            recipe = config.motion_models[name]
            rows = labelled_train(self.surveys[recipe.dataset].index, split, config.labels_of(name))
            jobs.append(
                self._training(
                    stage="motion_model",
                    model=name,
                    dataset=recipe.dataset,
                    rows=rows,
                    recipe=recipe.training,
                    clip_length=recipe.network.clip_length,
                    keep_classes=recipe.training.multi_clip_weight > 0,
                )
            )
        return self._cost("motion_model", jobs, "network", config.resources.motion_model)

    def _appearance_model(self) -> Cost:
        config, jobs = self.config, []
        for name, split in sorted(self.needed.of("appearance_model")):
            recipe = config.appearance_models[name]
            labels = config.pseudo_labels[recipe.pseudo_labels]
            index = self.surveys[labels.dataset].index
            clustered = self._clustered(recipe.pseudo_labels, split)
            jobs.append(
                self._training(
                    stage="appearance_model",
                    model=name,
                    dataset=labels.dataset,
                    rows=index[index["video"].isin(clustered)],
                    recipe=recipe.training,
                    clip_length=recipe.network.clip_length,
                )
            )
        return self._cost("appearance_model", jobs, "network", config.resources.appearance_model)

    def _mers_model(self) -> Cost:
        config, jobs = self.config, []
        for name, split in sorted(self.needed.of("mers_model")):
            recipe = config.appearance_models[name]
            rows = source_videos(self.surveys[recipe.mers.dataset].index, split, recipe.mers.videos)
            jobs.append(
                self._training(
                    stage="mers_model",
                    model=name,
                    dataset=recipe.mers.dataset,
                    rows=rows,
                    recipe=recipe.training,
                    clip_length=recipe.network.clip_length,
                    teacher=recipe.mers.motion_model,
                )
            )
        return self._cost("mers_model", jobs, "network", config.resources.mers_model)

    def _fine_tuning(self) -> Cost:
        config, jobs = self.config, []
        for name, split in sorted(self.needed.of("fine_tuning")):
            recipe = config.evaluations[name]
            rows = labelled_train(
                self.surveys[recipe.dataset].index, split, config.labels_of_evaluation(recipe)
            )
            mars = recipe.fine_tuning.mars
            jobs.append(
                self._training(
                    stage="fine_tuning",
                    model=recipe.model,
                    dataset=recipe.dataset,
                    rows=rows,
                    recipe=recipe.fine_tuning,
                    clip_length=recipe.clip_length,
                    keep_classes=True,
                    teacher=mars.motion_model if mars else None,
                )
            )
        return self._cost("fine_tuning", jobs, "network", config.resources.fine_tuning)

    def _training(
        self,
        *,
        stage: str,
        model: str,
        dataset: str,
        rows: pd.DataFrame,
        recipe: Training,
        clip_length: int,
        keep_classes: bool = False,
        teacher: str | None = None,
    ) -> Job:
        """The job that trains a model on `rows` of a data set's index. `teacher`: the motion model
        that MERS or MARS learns from."""
        config = self.config
        resources = getattr(config.resources, stage)
        backbone = config.models[model].network.backbone
        training_rows, validation_rows = hold_out(
            rows, recipe.validation_fraction, recipe.seed, keep_classes, recipe.validation_unit
        )
        compute = Compute(
            self._threads(resources),
            min(resources.gpu, 1),
            compile=resources.compile,
            channels_last=resources.channels_last,
            gpu_decoding=resources.gpu_decoding,
        )
        learning = Learning(
            backbone=backbone,
            clip_length=clip_length,
            recipe=rates.paced(recipe),
            compute=compute,
            size=config.size_of(model),
            on_flow=config.flow_of(model) is not None,
            teacher=config.motion_models[teacher].network.backbone if teacher else None,
            clips=self._clips(dataset, model),
            flow=self._clips(dataset, teacher) if teacher else Path(),
        )
        training_pace = self._once(
            learning,
            lambda: rates.measure_training(learning, self._scratch()),
            f"training {description(learning)}",
            "clips",
        )
        validation_pace = 0.0
        if len(validation_rows):
            inference = self._inference(dataset, model, clip_length, recipe.crop, resources)
            validation_pace = inference.seconds
        seconds = training_seconds(
            recipe,
            training_videos=len(training_rows),
            validation_videos=len(validation_rows),
            training_pace=training_pace,
            validation_pace=validation_pace,
            devices=max(1, self._gpus(resources)),
        )
        return Job(count=1, seconds=seconds, bytes=rates.weight_bytes(backbone, learning.modality))

    def _random_model(self) -> Cost:
        models = self.config.appearance_models
        jobs = [
            Job(
                count=1,
                seconds=0,
                bytes=rates.weight_bytes(models[name].network.backbone, "frames"),
            )
            for name, _ in self.needed.of("random_model")
        ]
        return self._cost("random_model", jobs, "network", self.config.resources.random_model)

    # ----------------------------------------------------------------------------- inference

    def _inference(
        self, dataset: str, model: str, clip_length: int, crop: int, stage: Resources
    ) -> Inference:
        backbone, modality = self.config.models[model].network.backbone, self._modality(model)
        threads, size = self._threads(stage), self.config.size_of(model)
        clips = self._clips(dataset, model)
        return self._once(
            ("inference", backbone, modality, clip_length, crop, size, threads, stage.gpu > 0),
            lambda: rates.measure_inference(
                backbone, clips, modality, clip_length, crop, threads, stage.gpu > 0
            ),
            f"{backbone} on {modality}, {clip_length} frames of {crop} pixels, {threads} threads",
            "clips",
        )

    def _dense(self, motion_model: str, dataset: str) -> np.ndarray:
        """(n,) number of dense clips of each sampled video of a source."""
        recipe = self.config.motion_models[motion_model]
        return dense_clips(
            self.surveys[dataset].frames, recipe.features_clip_length, recipe.features.stride
        )

    def _features(self) -> Cost:
        config, jobs = self.config, []
        stage = config.resources.features
        for model, _, dataset in sorted(self.needed.features):
            recipe, survey = config.motion_models[model], self.surveys[dataset]
            rate = self._inference(
                dataset, model, recipe.features_clip_length, recipe.training.crop, stage
            )
            clips = survey.videos * self._dense(model, dataset).mean()
            clip_bytes = 4 * BACKBONES[recipe.network.backbone].features + 8
            written = clips * clip_bytes + survey.videos * (VIDEO_BYTES + name_bytes(survey))
            # Files may hold different numbers of shards. Each job writes one file.
            shards_of_files = ranges(survey.index["shard"], config.datasets[dataset].shards)
            for shards, files in Counter(map(len, shards_of_files.values())).items():
                share = files * shards / self._shards(dataset)
                jobs.append(
                    Job(
                        count=files,
                        seconds=share * clips * rate.seconds + files * rate.start,
                        bytes=share * written,
                        error=survey.error,
                    )
                )
        return self._cost("features", jobs, "network", stage)

    def _clustered(self, name: str, split: int) -> set[str]:
        """Ids of the videos that are clustered."""
        recipe = self.config.pseudo_labels[name]
        labelled = self.config.labels_of(recipe.motion_model)
        rows = chosen_videos(recipe, self.surveys[recipe.dataset].index, split, labelled)
        return set(rows["video"])

    def _kmeans(self, clusters: int, dimensions: int) -> float:
        """Seconds per point and iteration of K-means."""
        stage = self.config.resources.pseudo_labels
        threads, gpu = self._threads(stage), stage.gpu > 0
        return self._once(
            ("kmeans", clusters, dimensions),
            lambda: rates.measure_kmeans(clusters, dimensions, threads, gpu),
            f"an iteration of K-means, {clusters} clusters, {dimensions} dimensions, "
            f"{threads} threads",
            "points",
        )

    def _pseudo_labels(self) -> Cost:
        config, jobs = self.config, []
        stage = config.resources.pseudo_labels
        for name, split in sorted(self.needed.of("pseudo_labels")):
            recipe = config.pseudo_labels[name]
            survey = self.surveys[recipe.dataset]
            network = config.motion_models[recipe.motion_model].network
            dimensions = BACKBONES[network.backbone].features
            point_seconds = self._kmeans(recipe.clusters, recipe.pca or dimensions)
            clips = self._dense(recipe.motion_model, recipe.dataset)
            points = len(self._clustered(name, split)) * float(units(recipe, clips).mean())
            jobs.append(
                Job(
                    count=1,
                    seconds=kmeans_seconds(recipe, points, point_seconds),
                    bytes=points * (name_bytes(survey) + ROW_BYTES),
                    error=survey.error,
                )
            )
        return self._cost("pseudo_labels", jobs, "network", stage)

    def _recognition(self) -> Cost:
        jobs = [
            self._evaluation(name, split, "recognition", parts=("test",))
            for name, split in sorted(self.needed.of("recognition"))
        ]
        return self._cost("recognition", jobs, "network", self.config.resources.recognition)

    def _retrieval(self) -> Cost:
        jobs = [
            self._evaluation(name, split, "retrieval", parts=("train", "test"))
            for name, split in sorted(self.needed.of("retrieval"))
        ]
        return self._cost("retrieval", jobs, "network", self.config.resources.retrieval)

    def _evaluation(self, name: str, split: int, stage: str, parts: tuple[str, ...]) -> Job:
        """The job that measures a model on the videos of some parts of a split."""
        recipe = self.config.evaluations[name]
        fine_tuning = recipe.fine_tuning if stage == "recognition" else None
        training: Training | FineTuning = fine_tuning or self.config.models[recipe.model].training
        survey, resources = self.surveys[recipe.dataset], getattr(self.config.resources, stage)
        videos = sum(len(part(survey.index, split, side)) for side in parts)
        clips = videos * evaluated_clips(survey.frames, recipe.clip_length, recipe.clips)
        rate = self._inference(
            recipe.dataset, recipe.model, recipe.clip_length, training.crop, resources
        )
        return Job(count=1, seconds=clips * rate.seconds + len(parts) * rate.start, bytes=0)

    # ------------------------------------------------------------------------------- results

    def _metrics(self) -> Cost:
        """Cost of the means over splits, the tables and the figures."""
        config = self.config
        targets = self._targets or (*config.tables, *config.figures)
        jobs = [Job(count=len(self.needed.metrics) + len(targets), seconds=0, bytes=0)]
        return self._cost("metrics, tables, figures", jobs, "light", config.resources.metrics)

    def _report(self) -> Cost:
        jobs = [Job(count=int(not self._targets), seconds=0, bytes=0)]
        return self._cost("report", jobs, "report", self.config.resources.report)


def name_bytes(survey: Survey) -> float:
    """Mean number of bytes of a video's id."""
    return float(survey.index["video"].str.len().mean())


def pace(seconds: float, unit: str) -> str:
    """Formats seconds per unit as units per second, or as seconds if one takes more than a
    second."""
    if unit == "start":
        return f"{seconds:.1f} s"
    if seconds > 1:
        return f"{seconds:.1f} s per {unit.removesuffix('s')}"
    return f"{1 / max(seconds, 1e-12):,.3g} {unit}/s"


def description(learning: Learning) -> str:
    recipe = learning.recipe
    layers = " (last layers)" if isinstance(recipe, FineTuning) and recipe.layers == "last" else ""
    teacher = f" taught by {learning.teacher}" if learning.teacher else ""
    return (
        f"{learning.backbone} on {learning.modality}{layers}{teacher}, {learning.clip_length} "
        f"frames of {recipe.crop} pixels, {recipe.batch_size * recipe.clips_per_video} clips at a "
        f"time, {recipe.precision} bits, {learning.compute.threads} threads"
    )
