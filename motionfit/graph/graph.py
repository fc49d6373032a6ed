"""The artefacts of a config: for each rule, what its jobs make and what from.

The rules of the workflow, the estimate and the report all ask this module. A fingerprint follows
from the config, the indexes and the files that come from outside. The dates of results do not
count, nor does what Snakemake remembers. So the record beside a result (`motionfit.records`) tells
whether it is the result of a config, wherever it was copied to.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from motionfit.config import (
    ALL_LABELS,
    BACKBONES,
    AppearanceModel,
    Evaluation,
    MotionModel,
    seed_name,
)
from motionfit.digests import digest, file_digest
from motionfit.graph.artefacts import (
    Artefact,
    Input,
    from_outside,
    reached,
    result_of,
    results_of,
)
from motionfit.graph.duplicates import DuplicatesGraph
from motionfit.graph.recipes import (
    motion_model_unused,
    pseudo_labels_unused,
    report_config,
    size_name,
    untrained,
    values_of,
)
from motionfit.graph.reported import clips, other_files
from motionfit.graph.rules import Finders, Job, kept, of_rule
from motionfit.stage_names import STAGES


class Graph(DuplicatesGraph):
    """The artefacts of a config. A method has the name of the rule that makes its artefacts, and
    its parameters are the rule's wildcards.

    Inputs and options have the names that the rule and its command give them. The order of inputs
    is the order in which `reached` meets what they are made from.
    """

    def artefact(self, rule: str, wildcards: Mapping[str, Any]) -> Artefact:
        """The artefact that a job makes."""
        if rule not in STAGES:
            raise ValueError(f"there is no stage {rule!r}")
        return getattr(self, rule)(**wildcards)

    def targets(self, names: Sequence[str] = ()) -> list[Artefact]:
        """The tables and figures of these names. Without names, the report, which is made from all
        of them."""
        if not names:
            return [self.report()]
        tables = [self.table(name) for name in self.config.tables if name in names]
        figures = [self.retrieval_figure(name) for name in self.config.figures if name in names]
        return [*tables, *figures]

    # --------------------------------------------------------------------------- what is learned

    @of_rule
    def motion_model(self, motion_model: str, split: int) -> Job:
        recipe = self.config.motion_models[motion_model]
        return Job(
            f"results/models/{motion_model}/split{split}/model.pt",
            {
                "recipe": values_of(recipe, motion_model_unused(recipe)),
                "labelled_part": values_of(self.config.labels_of(motion_model)),
            },
            {
                "index": lambda: self._index(recipe.dataset),
                "clips": lambda: self._clips(recipe.dataset, motion_model),
                "weights": lambda: weights_of(recipe),
                **self._left_out((recipe.dataset, recipe.dataset)),
            },
            *self._backbones(motion_model),
        )

    @of_rule
    def motion_judgement(self, motion_model: str, split: int) -> Job:
        recipe = self.config.motion_models[motion_model]
        return Job(
            f"results/models/{motion_model}/split{split}/judgement.json",
            {"name": motion_model, "stop_when_hopeless": self.config.stop_when_hopeless},
            {
                "index": lambda: self._index(recipe.dataset),
                "clips": lambda: self._clips(recipe.dataset, motion_model),
                "model": lambda: result_of(self.motion_model(motion_model, split)),
            },
            "motionfit.judgement",
            *self._backbones(motion_model),
        )

    @of_rule
    def features(self, motion_model: str, split: int, dataset: str, shards: str) -> Job:
        return Job(
            f"results/features/{motion_model}/split{split}/{dataset}/{shards}.h5",
            {"recipe": values_of(self.config.motion_models[motion_model].features)},
            {
                "clips": lambda: results_of(
                    self._shard_of_clips(dataset, motion_model, shard)
                    for shard in self.ranges(dataset)[shards]
                ),
                "model": lambda: result_of(self.model(motion_model, split)),
                "judgement": lambda: self._judged(motion_model, split),
            },
            *self._backbones(motion_model),
        )

    @of_rule
    def pseudo_labels(self, pseudo_labels: str, split: int) -> Job:
        """If the clustering leaves out labelled videos, it depends on which labels the motion model
        used."""
        recipe = self.config.pseudo_labels[pseudo_labels]
        left_out = recipe.videos == "unlabelled"
        labels = self.config.labels_of(recipe.motion_model) if left_out else ALL_LABELS
        return Job(
            f"results/pseudo_labels/{pseudo_labels}/split{split}/labels.csv",
            {
                "recipe": values_of(recipe, pseudo_labels_unused(recipe)),
                "labelled_part": values_of(labels),
                "shard_count": self.config.datasets[recipe.dataset].shards,
            },
            {
                "index": lambda: self._index(recipe.dataset),
                "features": lambda: self._with_ledger(
                    results_of(
                        self.features(recipe.motion_model, split, recipe.dataset, shards)
                        for shards in self.ranges(recipe.dataset)
                    ),
                    recipe.dataset,
                    recipe.motion_model,
                ),
                **self._left_out(*self._compared_with(recipe.dataset)),
            },
        )

    @of_rule
    def appearance_model(self, appearance_model: str, split: int) -> Job:
        recipe = self.config.appearance_models[appearance_model]
        source = self.config.pseudo_labels[recipe.pseudo_labels].dataset
        return Job(
            f"results/models/{appearance_model}/split{split}/model.pt",
            {"recipe": values_of(recipe)},
            {
                "index": lambda: self._index(source),
                "frames": lambda: self._clips(source, appearance_model),
                "pseudo_labels": lambda: result_of(self.pseudo_labels(recipe.pseudo_labels, split)),
                "weights": lambda: weights_of(recipe),
            },
            *self._backbones(appearance_model),
        )

    @of_rule
    def taught_model(self, taught_model: str, split: int) -> Job:
        recipe = self.config.appearance_models[taught_model]
        source, teacher = recipe.teaching.dataset, recipe.teaching.motion_model
        return Job(
            f"results/models/{taught_model}/split{split}/model.pt",
            {"recipe": values_of(recipe)},
            {
                "index": lambda: self._index(source),
                "frames": lambda: self._clips(source, taught_model),
                "flow": lambda: self._clips(source, teacher),
                "teacher": lambda: result_of(self.model(teacher, split)),
                "judgement": lambda: self._judged(teacher, split),
                "weights": lambda: weights_of(recipe),
                **self._left_out(*self._compared_with(source)),
            },
            *self._backbones(taught_model, teacher),
        )

    @of_rule
    def random_model(self, random_model: str, split: int) -> Job:
        recipe = self.config.appearance_models[random_model]
        return Job(
            f"results/models/{random_model}/split{split}/model.pt",
            {"recipe": untrained(recipe)},
            {"weights": lambda: weights_of(recipe)},
            *self._backbones(random_model),
        )

    def model(self, name: str, split: int) -> Artefact:
        """A motion or appearance model, before any fine-tuning."""
        if name in self.config.motion_models:
            return self.motion_model(name, split)
        recipe = self.config.appearance_models[name]
        if recipe.teaching:
            return self.taught_model(name, split)
        if recipe.pseudo_labels:
            return self.appearance_model(name, split)
        return self.random_model(name, split)

    # -------------------------------------------------------------------------------- evaluation

    @of_rule
    def fine_tuning(self, evaluation: str, split: int) -> Job:
        """`teacher` and `flow` are inputs if MARS teaches the network."""
        recipe = self.config.evaluations[evaluation]
        inputs, models = self._evaluated(recipe, split), [recipe.model]
        if mars := recipe.fine_tuning.mars:
            models.append(mars.motion_model)
            inputs["flow"] = lambda: self._clips(recipe.dataset, mars.motion_model)
            inputs["teacher"] = lambda: result_of(
                self._model_behind(recipe, mars.motion_model, split)
            )
        inputs |= self._left_out((recipe.dataset, recipe.dataset))
        return Job(
            f"results/evaluations/{evaluation}/split{split}/model.pt",
            {
                "recipe": values_of(recipe.fine_tuning),
                "clip_length": recipe.clip_length,
                "labelled_part": values_of(self.config.labels_of_evaluation(recipe)),
            },
            inputs,
            *self._backbones(*models),
        )

    @of_rule
    def recognition(self, evaluation: str, split: int) -> Job:
        """The model is the fine-tuned one, if there is fine-tuning."""
        recipe = self.config.evaluations[evaluation]
        inputs = self._evaluated(recipe, split)
        if recipe.fine_tuning:
            inputs["model"] = lambda: result_of(self.fine_tuning(evaluation, split))
        return Job(
            f"results/evaluations/{evaluation}/split{split}/recognition.json",
            {"clip_length": recipe.clip_length, "clips": recipe.clips},
            inputs,
            *self._backbones(recipe.model),
        )

    @of_rule
    def retrieval(self, evaluation: str, split: int) -> Job:
        recipe = self.config.evaluations[evaluation]
        return Job(
            f"results/evaluations/{evaluation}/split{split}/retrieval.json",
            {
                "clip_length": recipe.clip_length,
                "clips": recipe.clips,
                "recall_at": list(recipe.recall_at),
            },
            self._evaluated(recipe, split),
            *self._backbones(recipe.model),
        )

    @of_rule
    def metrics(self, evaluation: str) -> Job:
        recipe = self.config.evaluations[evaluation]
        return Job(
            f"results/evaluations/{evaluation}/metrics.json",
            {"splits": list(recipe.splits), "measures": list(recipe.measures)},
            {
                "measures": lambda: results_of(
                    self.measure(measure, evaluation, split)
                    for split in recipe.splits
                    for measure in recipe.measures
                )
            },
        )

    def measure(self, name: str, evaluation: str, split: int) -> Artefact:
        """`recognition` or `retrieval` of an evaluation."""
        measures = {"recognition": self.recognition, "retrieval": self.retrieval}
        return measures[name](evaluation, split)

    # ----------------------------------------------------------------- tables, figures, the report

    @of_rule
    def table(self, table: str) -> Job:
        """The recipe is text that keeps the order of the config, because rows and columns have this
        order. The table reads the measures of the evaluations and splits that it shows."""
        recipe = self.config.tables[table]
        shown = sorted({(name, text.split(" ")[0]) for name, text in recipe.measurements_of_seeds})
        if recipe.splits is None:
            measures = [self.metrics(name) for name in dict(shown)]
        else:
            measures = [
                self.measure(measure, name, split)
                for name, measure in shown
                for split in recipe.splits
            ]
        return Job(
            f"results/tables/{table}.md",
            {
                "name": table,
                "recipe": self.config.noticed(table).model_dump_json(),
                "leaking": self.config.leaking(table),
            },
            {"metrics": lambda: results_of(measures)},
        )

    @of_rule
    def retrieval_figure(self, figure: str) -> Job:
        """The frames have the size that the model reads, even if the model reads flow."""
        recipe = self.config.figures[figure]
        evaluation = self.config.evaluations[recipe.evaluation]
        size = size_name(self.config.size_of(evaluation.model))
        retrieval = self.retrieval(recipe.evaluation, evaluation.splits[0])
        return Job(
            f"results/figures/{figure}.png",
            {"recipe": values_of(recipe), "clip_length": evaluation.clip_length},
            {
                "index": lambda: self._index(evaluation.dataset),
                "neighbours": lambda: result_of(retrieval, "neighbours.csv"),
                "frames": lambda: self._with_ledger(
                    results_of(self._frames(evaluation.dataset, size)),
                    evaluation.dataset,
                    evaluation.model,
                ),
            },
        )

    @of_rule
    def report(self) -> Job:
        """It reads metrics and predictions of the copies for the config's seeds. Copies for a
        table's seeds are in that table alone."""
        return Job(
            "results/report/index.html",
            {},
            {
                "config": lambda: from_outside([], lambda: digest(report_config(self.written))),
                "metrics": lambda: results_of(map(self.metrics, self.reported_evaluations)),
                "tables": lambda: results_of(map(self.table, self.config.tables)),
                "figures": lambda: results_of(map(self.retrieval_figure, self.config.figures)),
                "duplicates": lambda: self._duplicates(),
                "others": lambda: other_files(self, self._behind_metrics()),
                "clips": lambda: clips(self, self._behind_metrics()),
            },
        )

    # ------------------------------------------------------------------------------------ inputs

    def shards(self, dataset: str) -> list[str]:
        """Names of the shards of a data set."""
        return list(self._get_index(dataset).videos)

    @kept
    def _behind_metrics(self) -> list[Artefact]:
        """What the metrics that the report shows are made from, known without an index: one shard
        stands for all of a data set."""
        unindexed = Graph(self.written)
        return reached(map(unindexed.metrics, self.written.evaluations))

    @property
    def reported_evaluations(self) -> list[str]:
        """Names of the evaluations that the report shows, and of their copies for the seeds of the
        config."""
        seeds = range(self.written.seeds)
        return [seed_name(name, seed) for name in self.written.evaluations for seed in seeds]

    def _judged(self, motion_model: str, split: int) -> Input:
        """The judgement of a motion model, before anything is made from the model. It changes no
        result."""
        judgement = self.motion_judgement(motion_model, split)
        return Input((judgement.path,), (judgement,))

    def _backbones(self, *models: str) -> list[str]:
        """The modules of the models' networks. A change of another backbone reruns nothing."""
        return [BACKBONES[self.config.models[name].network.backbone].module for name in models]

    def _model_behind(self, evaluation: Evaluation, model: str, split: int) -> Artefact:
        """The model that an evaluation uses when `split` is evaluated."""
        return self.model(model, self.config.model_split(evaluation, model, split))

    def _evaluated(self, evaluation: Evaluation, split: int) -> Finders:
        """What every measure of an evaluation reads."""
        return {
            "index": lambda: self._index(evaluation.dataset),
            "clips": lambda: self._clips(evaluation.dataset, evaluation.model),
            "model": lambda: result_of(self._model_behind(evaluation, evaluation.model, split)),
        }


def weights_of(recipe: MotionModel | AppearanceModel) -> Input:
    """The weight file that a network starts from, if any."""
    weights = recipe.network.weights
    files: Iterable[Path] = [weights] if weights else []
    return from_outside(files, lambda: file_digest(weights) if weights else "")
