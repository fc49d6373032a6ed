"""Computes the cost of each stage of a run from the config's artefacts and this machine's rates."""

import logging
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from motionfit.config import BACKBONES, Config, Demo, Evaluation
from motionfit.config_checks import check_data_set, message
from motionfit.datasets.index import hold_out, labelled_train, part, source_videos, split_column
from motionfit.errors import MotionFitError
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
from motionfit.estimate.machine import Machine
from motionfit.estimate.survey import survey
from motionfit.flow.methods import BATCHED, method_module
from motionfit.graph import Artefact, Graph, Needed
from motionfit.graph.recipes import size_of
from motionfit.judgement import CLIPS
from motionfit.pseudo_labels.videos import chosen_videos
from motionfit.stage_names import STAGES
from motionfit.store.ranges import ranges

log = logging.getLogger(__name__)

VIDEO_BYTES = 24
"""Bytes per video in a file of features, without its name and the bytes of its clips."""
ROW_BYTES = 20
"""Bytes per row in a file of pseudo-labels, without the name of the video."""

DEMO = "motionfit.datasets.demo"
NETWORKS = "motionfit.stages.fine_tuning"
LOADED = {
    "render_demo": DEMO,
    "index": "motionfit.stages.table",
    "frames": "motionfit.stages.frames",
    "ledger": "motionfit.stages.frames",
    "metrics": "motionfit.stages.table",
    "report": "motionfit.stages.report",
}
"""Stage to a module that takes as long to load as the code of its jobs. All others but flow, whose
methods differ, load as much as NETWORKS."""


class Run:
    """A run of a config on this machine."""

    def __init__(self, config: Config, folder: Path, targets: Sequence[str] = ()):
        """`config`: the config as written, without copies for seeds. `folder`: holds temporary
        files of the measurements. `targets`: names of tables and figures; without any, the run
        makes the report. Raises MotionFitError like `survey`, and if a data set does not fit the
        config."""
        self.load = os.getloadavg()[0]
        """Mean number of processes that were running in the minute before the estimate."""
        graph = Graph(config)
        self.config = graph.config
        needed = Needed(graph.targets(targets))
        self.surveys = {}
        """Surveys of the data sets that the run needs, by name."""
        for name in sorted(needed.datasets):
            log.info("surveying the data set %s", name)
            recipe = self.config.datasets[name]
            self.surveys[name] = survey(name, recipe, folder / "videos" / name)
        problems = [
            message(name, found)
            for name, of_set in self.surveys.items()
            if not isinstance(config.datasets[name], Demo)  # most of its videos are not rendered
            and (found := check_data_set(config, name, of_set.index).problems)
        ]
        if problems:
            raise MotionFitError("\n".join(problems))
        self.machine = Machine(self.config, self.surveys, folder)
        self._artefacts: dict[str, list[Artefact]] = defaultdict(list)
        """Stage to the artefacts that its jobs make. Tables and figures count as metrics."""
        for artefact in needed.artefacts:
            joins_measures = artefact.rule in ("metrics", "table", "retrieval_figure")
            self._artefacts["metrics" if joins_measures else artefact.rule].append(artefact)

    def costs(self) -> list[Cost]:
        """Costs of the stages that have jobs, in the order in which they run."""
        return [self._cost(stage) for stage in STAGES if self._artefacts[stage]]

    def _cost(self, stage: str) -> Cost:
        jobs: dict[tuple[str, int], list[Job]] = defaultdict(list)
        for artefact in sorted(self._artefacts[stage], key=lambda a: [*a.wildcards.values()]):
            job_of = getattr(self, f"_{stage}", start_alone)
            jobs[self._module_and_gpus(stage, artefact)].append(job_of(**artefact.wildcards))
        name = "metrics, tables, figures" if stage == "metrics" else stage
        threads = self.machine.threads(stage)
        parts = [
            cost(name, alike, self.machine.start(module), threads, gpus)
            for (module, gpus), alike in jobs.items()
        ]
        return together(name, parts)

    def _module_and_gpus(self, stage: str, artefact: Artefact) -> tuple[str, int]:
        """The module that the job of an artefact loads, and the GPUs that it takes."""
        if stage == "flow":
            method = self.config.flow[artefact.wildcards["flow"]].method
            return method_module(method), self.machine.gpus(stage, int(method in BATCHED))
        renders = stage == "index" and self._artefacts["render_demo"]
        module = DEMO if renders else LOADED.get(stage, NETWORKS)
        return module, self.machine.gpus(stage)

    # The jobs that make an artefact. A method has the name of the rule, and its parameters are the
    # rule's wildcards, as in `Graph`. A shard stands for all shards of a data set. The jobs of a
    # stage without a method take no longer than their start.

    # ----------------------------------------------------------------------- videos to flow

    def _render_demo(self, demo: str) -> Job:
        survey = self.surveys[demo]
        return Job(1, survey.videos * survey.render_seconds, survey.videos * survey.render_bytes)

    def _index(self, dataset: str) -> Job:
        survey = self.surveys[dataset]
        return Job(1, survey.index_seconds, len(survey.index.to_csv(index=False)))

    def _frames(self, dataset: str, size: str, shard: str) -> Job:
        survey, stored = self.surveys[dataset], self.machine.frames(dataset, size_of(size))
        return Job(
            count=survey.shards,
            seconds=survey.all_frames * stored.seconds,
            bytes=survey.all_frames * stored.bytes,
            error=survey.error,
        )

    def _flow(self, dataset: str, flow: str, shard: str) -> Job:
        survey, stored = self.surveys[dataset], self.machine.flow(dataset, flow)
        return Job(
            count=survey.shards,
            seconds=(survey.all_frames - survey.videos) * stored.seconds,
            bytes=survey.all_frames * stored.bytes,
            error=survey.error,
        )

    # ----------------------------------------------------------------------------- trainings

    def _motion_model(self, motion_model: str, split: int) -> Job:
        recipe, labels = (
            self.config.motion_models[motion_model],
            self.config.labels_of(motion_model),
        )
        videos = labelled_train(self.surveys[recipe.dataset].index, split, labels)
        classified = recipe.training.multi_clip_weight > 0
        return self._training("motion_model", recipe.dataset, videos, motion_model, classified)

    def _appearance_model(self, appearance_model: str, split: int) -> Job:
        pseudo_labels = self.config.appearance_models[appearance_model].pseudo_labels
        dataset = self.config.pseudo_labels[pseudo_labels].dataset
        videos = self._clustered(pseudo_labels, split)
        return self._training("appearance_model", dataset, videos, appearance_model)

    def _taught_model(self, taught_model: str, split: int) -> Job:
        teaching = self.config.appearance_models[taught_model].teaching
        videos = source_videos(self.surveys[teaching.dataset].index, split, teaching.videos)
        return self._training(
            "taught_model", teaching.dataset, videos, taught_model, teacher=teaching.motion_model
        )

    def _fine_tuning(self, evaluation: str, split: int) -> Job:
        recipe = self.config.evaluations[evaluation]
        labels, mars = self.config.labels_of_evaluation(recipe), recipe.fine_tuning.mars
        return self._training(
            "fine_tuning",
            recipe.dataset,
            labelled_train(self.surveys[recipe.dataset].index, split, labels),
            recipe.model,
            keep_classes=True,
            teacher=mars.motion_model if mars else None,
            evaluation=recipe,
        )

    def _training(
        self,
        stage: str,
        dataset: str,
        videos: pd.DataFrame,
        model: str,
        keep_classes: bool = False,
        teacher: str | None = None,
        evaluation: Evaluation | None = None,
    ) -> Job:
        """The job that trains a model on `videos`, rows of a data set's index. `teacher`: the
        motion model that teaches it. `evaluation`: the one that fine-tunes it."""
        trained = self.config.models[model]
        recipe = evaluation.fine_tuning if evaluation else trained.training
        clip_length = evaluation.clip_length if evaluation else trained.network.clip_length
        learned, held_out = hold_out(
            videos, recipe.validation_fraction, recipe.seed, keep_classes, recipe.validation_unit
        )
        pace = self.machine.training(stage, dataset, model, clip_length, recipe, teacher)
        validation_pace = 0.0
        if len(held_out):
            inference = self.machine.inference(stage, dataset, model, clip_length, recipe.crop)
            validation_pace = inference.seconds
        devices = max(1, self.machine.gpus(stage))
        seconds = training_seconds(
            recipe, len(learned), len(held_out), pace, validation_pace, devices
        )
        return Job(1, seconds, self._weight_bytes(model))

    def _random_model(self, random_model: str, split: int) -> Job:
        return Job(1, 0, self._weight_bytes(random_model))

    def _weight_bytes(self, model: str) -> int:
        backbone = self.config.models[model].network.backbone
        return rates.weight_bytes(backbone, self.machine.modality(model))

    # ----------------------------------------------------------------------------- inference

    def _dense(self, motion_model: str, dataset: str) -> np.ndarray:
        """(n,) number of dense clips of each sampled video of a source."""
        recipe = self.config.motion_models[motion_model]
        frames = self.surveys[dataset].frames
        return dense_clips(frames, recipe.features_clip_length, recipe.features.stride)

    def _features(self, motion_model: str, split: int, dataset: str, shards: str) -> Job:
        recipe, survey = self.config.motion_models[motion_model], self.surveys[dataset]
        length, crop = recipe.features_clip_length, recipe.training.crop
        rate = self.machine.inference("features", dataset, motion_model, length, crop)
        clips = survey.videos * self._dense(motion_model, dataset).mean()
        clip_bytes = 4 * BACKBONES[recipe.network.backbone].features + 8
        # Files may hold different numbers of shards.
        files = ranges(survey.index["shard"], self.config.datasets[dataset].shards).values()
        largest = max(map(len, files)) / survey.shards
        return Job(
            count=len(files),
            seconds=clips * rate.seconds + len(files) * rate.start,
            bytes=clips * clip_bytes + survey.videos * (VIDEO_BYTES + survey.name_bytes),
            error=survey.error,
            longest=largest * clips * rate.seconds + rate.start,
        )

    def _clustered(self, pseudo_labels: str, split: int) -> pd.DataFrame:
        """The rows of the videos that are clustered."""
        recipe = self.config.pseudo_labels[pseudo_labels]
        labelled = self.config.labels_of(recipe.motion_model)
        return chosen_videos(recipe, self.surveys[recipe.dataset].index, split, labelled)

    def _pseudo_labels(self, pseudo_labels: str, split: int) -> Job:
        recipe = self.config.pseudo_labels[pseudo_labels]
        survey = self.surveys[recipe.dataset]
        backbone = self.config.motion_models[recipe.motion_model].network.backbone
        dimensions = recipe.pca or BACKBONES[backbone].features
        point_seconds = self.machine.kmeans(recipe.clusters, dimensions)
        clips = self._dense(recipe.motion_model, recipe.dataset)
        points = len(self._clustered(pseudo_labels, split)) * float(units(recipe, clips).mean())
        return Job(
            count=1,
            seconds=kmeans_seconds(recipe, points, point_seconds),
            bytes=points * (survey.name_bytes + ROW_BYTES),
            error=survey.error,
        )

    def _motion_judgement(self, motion_model: str, split: int) -> Job:
        recipe = self.config.motion_models[motion_model]
        survey, length = self.surveys[recipe.dataset], recipe.network.clip_length
        videos = int((survey.index[split_column(split)] == "test").sum())
        clips = videos * evaluated_clips(survey.frames, length, CLIPS)
        rate = self.machine.inference(
            "motion_judgement", recipe.dataset, motion_model, length, recipe.training.crop
        )
        return Job(1, clips * rate.seconds + rate.start, bytes=0)

    def _recognition(self, evaluation: str, split: int) -> Job:
        recipe = self.config.evaluations[evaluation]
        trained = recipe.fine_tuning or self.config.models[recipe.model].training
        return self._evaluation("recognition", recipe, split, trained.crop, ("test",))

    def _retrieval(self, evaluation: str, split: int) -> Job:
        recipe = self.config.evaluations[evaluation]
        crop = self.config.models[recipe.model].training.crop
        return self._evaluation("retrieval", recipe, split, crop, ("train", "test"))

    def _evaluation(
        self, stage: str, recipe: Evaluation, split: int, crop: int, parts: tuple[str, ...]
    ) -> Job:
        """The job that measures a model on the videos of some parts of a split."""
        survey = self.surveys[recipe.dataset]
        videos = sum(len(part(survey.index, split, name)) for name in parts)
        clips = videos * evaluated_clips(survey.frames, recipe.clip_length, recipe.clips)
        rate = self.machine.inference(stage, recipe.dataset, recipe.model, recipe.clip_length, crop)
        return Job(1, clips * rate.seconds + len(parts) * rate.start, bytes=0)


def start_alone(**_wildcards: Any) -> Job:
    """A job that takes no longer than its start."""
    return Job(count=1, seconds=0, bytes=0)
