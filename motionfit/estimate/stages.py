"""What each stage of a run costs: the config's artefacts, counted, times this machine's rates."""

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from motionfit.config import FEATURES, Config, FineTuning, Resources, Size, Training
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
"""Bytes of a file of features beside the clips' own, a video, and beside its name."""
ROW_BYTES = 20
"""Bytes of a row of pseudo-labels, or of predictions and neighbours a clip, beside the name."""
STARTS = {
    "light": "motionfit.stages.table",
    "frames": "motionfit.stages.frames",
    "network": "motionfit.stages.fine_tuning",
    "report": "motionfit.stages.report",
}
"""Kind of job to the module that it loads first of all."""

T = TypeVar("T")


class Run:
    """A run of a config on this machine. Everything is measured when it is first asked for."""

    def __init__(self, config: Config, folder: Path, targets: Sequence[str] = ()):
        """`config`: as it is written. `folder`: for what is decoded and computed of the samples.
        `targets`: tables and figures; without any, the run is that of the report."""
        self.config = with_seeds(config)
        self._written = config
        self._targets = targets
        self.measured: dict[str, str] = {}
        """What was measured, to its rate, in words."""
        self.load = os.getloadavg()[0]
        """Processes that others had running, on the average of the last minute."""
        self._folder = folder
        self._known: dict[Hashable, object] = {}

    @cached_property
    def needed(self) -> Needed:
        return needed_by_run(self._written, self._targets)

    @cached_property
    def surveys(self) -> dict[str, Survey]:
        """The data sets that the run needs."""
        found = {}
        for name in sorted(self.needed.datasets):
            log.info("looking at the data set %s", name)
            folder = self._folder / "videos" / name
            found[name] = survey(name, self.config.datasets[name], folder)
        return found

    @cached_property
    def gpu(self) -> str:
        """Name of the GPU; '' where there is none."""
        return torch.cuda.get_device_name() if torch.cuda.is_available() else ""

    @property
    def cores(self) -> int:
        return os.cpu_count() or 1

    def costs(self) -> list[Cost]:
        """The stages of the run, in their order."""
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
        return [found for stage in stages if (found := stage()).jobs]

    # ------------------------------------------------------------------------ what is shared

    def _once(self, key: Hashable, measure: Callable[[], T], text: str, unit: str) -> T:
        """What `measure` gives, measured once a key; `text` and `unit` say what it is."""
        if key not in self._known:
            log.info("measuring %s", text)
            found = self._known[key] = measure()
            seconds = getattr(found, "seconds", found)
            self.measured[text] = pace(seconds, unit)
        return self._known[key]

    def _scratch(self) -> Path:
        folder = self._folder / f"{len(list(self._folder.iterdir())):04d}"
        folder.mkdir()
        return folder

    def _threads(self, stage: Resources) -> int:
        return min(stage.threads, self.cores)

    def _gpus(self, stage: Resources) -> int:
        return stage.gpu if self.gpu else 0

    def _cost(self, name: str, jobs: list[Job], kind: str, stage: Resources) -> Cost:
        """`kind`: what a job loads, a key of STARTS or a module."""
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
        """A shard of what a model reads of a data set."""
        if flow := self.config.flow_of(model):
            return self._stored_flow(dataset, flow).shard
        return self._stored_frames(dataset, self.config.size_of(model)).shard

    def _modality(self, model: str) -> str:
        return "flow" if self.config.flow_of(model) else "frames"

    # ----------------------------------------------------------------------- videos to flow

    def _render_demo(self) -> Cost:
        jobs = [
            Job(1, s.videos * s.render_seconds, s.videos * s.render_bytes)
            for s in self.surveys.values()
            if s.render_bytes
        ]
        return self._cost(
            "render_demo", jobs, "motionfit.datasets.demo", self.config.resources.render_demo
        )

    def _index(self) -> Cost:
        jobs = [
            Job(1, s.index_seconds, len(s.index.to_csv(index=False))) for s in self.surveys.values()
        ]
        rendered = any(s.render_bytes for s in self.surveys.values())
        module = "motionfit.datasets.demo" if rendered else "light"
        return self._cost("index", jobs, module, self.config.resources.index)

    def _frames(self) -> Cost:
        jobs = []
        for dataset, size in sorted(self.needed.frames):
            found, stored = self.surveys[dataset], self._stored_frames(dataset, size)
            jobs.append(
                Job(
                    self._shards(dataset),
                    found.all_frames * stored.seconds,
                    found.all_frames * stored.bytes,
                    found.error,
                )
            )
        return self._cost("frames", jobs, "frames", self.config.resources.frames)

    def _ledger(self) -> Cost:
        jobs = [Job(len(self.needed.frames), 0, 0)]
        return self._cost("ledger", jobs, "frames", self.config.resources.ledger)

    def _flow(self) -> Cost:
        jobs: dict[str, list[Job]] = defaultdict(list)
        for dataset, flow in sorted(self.needed.flow):
            found, stored = self.surveys[dataset], self._stored_flow(dataset, flow)
            jobs[self.config.flow[flow].method].append(
                Job(
                    self._shards(dataset),
                    (found.all_frames - found.videos) * stored.seconds,
                    found.all_frames * stored.bytes,
                    found.error,
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
                    "motion_model",
                    name,
                    recipe.dataset,
                    rows,
                    recipe.training,
                    recipe.network.clip_length,
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
            chosen = self._clustered(recipe.pseudo_labels, split)
            jobs.append(
                self._training(
                    "appearance_model",
                    name,
                    labels.dataset,
                    index[index["video"].isin(chosen)],
                    recipe.training,
                    recipe.network.clip_length,
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
                    "mers_model",
                    name,
                    recipe.mers.dataset,
                    rows,
                    recipe.training,
                    recipe.network.clip_length,
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
                    "fine_tuning",
                    recipe.model,
                    recipe.dataset,
                    rows,
                    recipe.fine_tuning,
                    recipe.clip_length,
                    keep_classes=True,
                    teacher=mars.motion_model if mars else None,
                )
            )
        return self._cost("fine_tuning", jobs, "network", config.resources.fine_tuning)

    def _training(
        self,
        stage: str,
        model: str,
        dataset: str,
        rows,
        recipe: Training,
        clip_length: int,
        keep_classes: bool = False,
        teacher: str | None = None,
    ) -> Job:
        config = self.config
        resources = getattr(config.resources, stage)
        backbone = config.models[model].network.backbone
        learned, watched = hold_out(
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
            backbone,
            clip_length,
            rates.paced(recipe),
            compute,
            config.size_of(model),
            config.flow_of(model) is not None,
            config.motion_models[teacher].network.backbone if teacher else None,
            self._clips(dataset, model),
            self._clips(dataset, teacher) if teacher else Path(),
        )
        seconds = self._once(
            learning,
            lambda: rates.measure_training(learning, self._scratch()),
            f"training {described(learning)}",
            "clips",
        )
        watching = 0.0
        if len(watched):
            watching = self._inference(dataset, model, clip_length, recipe.crop, resources).seconds
        whole = training_seconds(
            recipe, len(learned), len(watched), seconds, watching, max(1, self._gpus(resources))
        )
        return Job(1, whole, rates.weight_bytes(backbone, learning.modality))

    def _random_model(self) -> Cost:
        models = self.config.appearance_models
        jobs = [
            Job(1, 0, rates.weight_bytes(models[name].network.backbone, "frames"))
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
        """(n,) dense clips of the sampled videos of a source."""
        recipe = self.config.motion_models[motion_model]
        return dense_clips(
            self.surveys[dataset].frames, recipe.features_clip_length, recipe.features.stride
        )

    def _features(self) -> Cost:
        config, jobs = self.config, []
        stage = config.resources.features
        for model, _, dataset in sorted(self.needed.features):
            recipe, found = config.motion_models[model], self.surveys[dataset]
            rate = self._inference(
                dataset, model, recipe.features_clip_length, recipe.training.crop, stage
            )
            clips = found.videos * self._dense(model, dataset).mean()
            numbers = 4 * FEATURES[recipe.network.backbone] + 8
            written = clips * numbers + found.videos * (VIDEO_BYTES + name_bytes(found))
            # The last file may hold fewer shards than the others.
            held = ranges(found.index["shard"], config.datasets[dataset].shards).values()
            for shards, files in Counter(map(len, held)).items():
                share = files * shards / self._shards(dataset)
                jobs.append(
                    Job(
                        files,
                        share * clips * rate.seconds + files * rate.start,
                        share * written,
                        found.error,
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
        """Seconds a point and iteration."""
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
            found = self.surveys[recipe.dataset]
            dimensions = FEATURES[config.motion_models[recipe.motion_model].network.backbone]
            a_point = self._kmeans(recipe.clusters, recipe.pca or dimensions)
            a_video = units(recipe, self._dense(recipe.motion_model, recipe.dataset)).mean()
            points = len(self._clustered(name, split)) * float(a_video)
            row = name_bytes(found) + ROW_BYTES
            jobs.append(Job(1, kmeans_seconds(recipe, points, a_point), points * row, found.error))
        return self._cost("pseudo_labels", jobs, "network", stage)

    def _recognition(self) -> Cost:
        jobs = [
            self._tested(name, split, "recognition", ("test",))
            for name, split in sorted(self.needed.of("recognition"))
        ]
        return self._cost("recognition", jobs, "network", self.config.resources.recognition)

    def _retrieval(self) -> Cost:
        jobs = [
            self._tested(name, split, "retrieval", ("train", "test"))
            for name, split in sorted(self.needed.of("retrieval"))
        ]
        return self._cost("retrieval", jobs, "network", self.config.resources.retrieval)

    def _tested(self, name: str, split: int, stage: str, parts: tuple[str, ...]) -> Job:
        recipe = self.config.evaluations[name]
        tuned = recipe.fine_tuning if stage == "recognition" else None
        training: Training | FineTuning = tuned or self.config.models[recipe.model].training
        found, resources = self.surveys[recipe.dataset], getattr(self.config.resources, stage)
        videos = sum(len(part(found.index, split, of)) for of in parts)
        clips = videos * evaluated_clips(found.frames, recipe.clip_length, recipe.clips)
        rate = self._inference(
            recipe.dataset, recipe.model, recipe.clip_length, training.crop, resources
        )
        return Job(1, clips * rate.seconds + len(parts) * rate.start, 0)

    # ------------------------------------------------------------------------------- results

    def _metrics(self) -> Cost:
        """Means over splits, tables and figures."""
        config = self.config
        targets = self._targets or (*config.tables, *config.figures)
        jobs = [Job(len(self.needed.metrics) + len(targets), 0, 0)]
        return self._cost("metrics, tables, figures", jobs, "light", config.resources.metrics)

    def _report(self) -> Cost:
        jobs = [Job(int(not self._targets), 0, 0)]
        return self._cost("report", jobs, "report", self.config.resources.report)


def name_bytes(survey: Survey) -> float:
    """Bytes of a video's id."""
    return float(survey.index["video"].str.len().mean())


def pace(seconds: float, unit: str) -> str:
    """Seconds a unit as units a second, or seconds where they are many."""
    if unit == "start":
        return f"{seconds:.1f} s"
    if seconds > 1:
        return f"{seconds:.1f} s a {unit.removesuffix('s')}"
    return f"{1 / max(seconds, 1e-12):,.3g} {unit}/s"


def described(learning: Learning) -> str:
    recipe = learning.recipe
    layers = " (last layers)" if isinstance(recipe, FineTuning) and recipe.layers == "last" else ""
    teacher = f" taught by {learning.teacher}" if learning.teacher else ""
    return (
        f"{learning.backbone} on {learning.modality}{layers}{teacher}, {learning.clip_length} "
        f"frames of {recipe.crop} pixels, {recipe.batch_size * recipe.clips_per_video} clips a "
        f"part, {recipe.precision} bits, {learning.compute.threads} threads"
    )
