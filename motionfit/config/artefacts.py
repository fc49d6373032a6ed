"""All recipes of a run, and the questions about them that need more than one recipe."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from motionfit.config.data_sets import ALL_LABELS, Dataset, LabelledPart
from motionfit.config.defaults import Defaults
from motionfit.config.evaluation import Evaluation
from motionfit.config.flow import Flow
from motionfit.config.models import AppearanceModel, MotionModel, PseudoLabels, Teaching
from motionfit.config.recipe import Recipe
from motionfit.config.resources import StageResources
from motionfit.config.tables import RetrievalFigure, Table
from motionfit.config.values import Quality, Size


class Artefacts(Recipe):
    """The sections of a config, each with named recipes, and what follows from them."""

    base: str | None = None
    """Another config file, relative to the folder of the Snakefile, over which this one is laid."""
    notice: str = ""
    """What readers of the tables and the report have to know about this run."""
    seeds: Annotated[int, Field(ge=1, le=100, strict=True)] = 1
    """Number of seeds of each evaluation. With N, everything behind an evaluation that depends on a
    seed is made N times, and the report shows means over the seeds, with their spread."""
    comparisons: tuple[tuple[str, str], ...] = ()
    """Pairs of evaluations that the report compares, with a confidence interval. It compares each
    self-trained model with the best one from random weights without being asked."""
    stop_when_hopeless: bool = False
    """End the run after a motion model that is no better than guessing, or pseudo-labels of which
    one has half of the source, so that nothing is made from them. If false, only the log and the
    report say so."""
    exclude_near_duplicates: bool = False
    """Leave out videos that are near-duplicates of test videos: source videos from pseudo-labels
    and teaching, and training videos from the training of motion models and from fine-tuning. If
    false, the log and the report only say how many there are."""
    defaults: Defaults = Defaults()
    """What the recipes of a section share, so that each recipe has only its own keys."""
    datasets: dict[str, Dataset] = Field(min_length=1)
    """Data sets: labelled ones (targets) and unlabelled ones (sources)."""
    frame_quality: Quality = 95
    """JPEG quality of the stored frames."""
    flow: dict[str, Flow]
    """Ways to compute optical flow."""
    labelled_parts: dict[str, LabelledPart] = Field(default={})
    """Parts of training labels, for runs that do not use all labels. All recipes that name the same
    part use the same labels."""
    motion_models: dict[str, MotionModel] = Field(default={})
    """Networks on flow, trained with labels."""
    pseudo_labels: dict[str, PseudoLabels] = Field(default={})
    """Clusterings of motion features."""
    appearance_models: dict[str, AppearanceModel] = Field(default={})
    """Networks on RGB, trained on pseudo-labels."""
    evaluations: dict[str, Evaluation] = Field(min_length=1)
    """What is measured. Each evaluation is a row of the report's table."""
    tables: dict[str, Table] = Field(default={})
    """Evaluations beside published figures. Each table is a target of Snakemake."""
    figures: dict[str, RetrievalFigure] = Field(default={})
    """Pictures of retrieval. Each figure is a target of Snakemake."""
    resources: StageResources = StageResources()
    """What the jobs of each rule ask for. A change of it reruns nothing."""

    @property
    def models(self) -> dict[str, MotionModel | AppearanceModel]:
        """All models that can be evaluated."""
        return {**self.motion_models, **self.appearance_models}

    def supervision_of(self, appearance_model: str) -> PseudoLabels | Teaching | None:
        """What an appearance model learns from; None if it is not trained."""
        recipe = self.appearance_models[appearance_model]
        if recipe.pseudo_labels:
            return self.pseudo_labels[recipe.pseudo_labels]
        return recipe.teaching

    def source_of(self, appearance_model: str) -> str | None:
        """The data set that an appearance model learns from; None if it is not trained."""
        supervision = self.supervision_of(appearance_model)
        return supervision.dataset if supervision else None

    def motion_model_of(self, model: str) -> str | None:
        """The motion model behind a model: itself, the one behind its pseudo-labels, or its
        teacher. None if the model is not trained."""
        if model in self.motion_models:
            return model
        supervision = self.supervision_of(model)
        return supervision.motion_model if supervision else None

    def motion_models_of(self, evaluation: Evaluation) -> list[str]:
        """The motion models behind an evaluation: the one behind its model, and its teacher by
        MARS."""
        mars = evaluation.fine_tuning.mars if evaluation.fine_tuning else None
        found = (self.motion_model_of(evaluation.model), mars.motion_model if mars else None)
        return list(dict.fromkeys(name for name in found if name))

    def flow_of(self, model: str) -> str | None:
        """The flow that a model reads; None if it reads RGB."""
        return self.motion_models[model].flow if model in self.motion_models else None

    def size_of(self, model: str) -> Size:
        """Height and width of the stored frames, or flow, that a model reads."""
        if (flow := self.flow_of(model)) is not None:
            return self.flow[flow].size
        return self.models[model].frame_size

    def model_split(self, evaluation: Evaluation, model: str, split: int) -> int:
        """The split whose labels are behind a model of an evaluation (its model, or its teacher by
        MARS) when `split` is evaluated."""
        motion_model = self.motion_model_of(model)
        chosen = self.motion_models[motion_model].motion_split if motion_model else "target"
        if chosen == "target":
            chosen = evaluation.model_split
        return split if chosen == "target" else chosen

    def labels_of(self, motion_model: str) -> LabelledPart:
        """The labels that a motion model learns from."""
        part = self.motion_models[motion_model].labelled_part
        return self.labelled_parts[part] if part else ALL_LABELS

    def labels_of_evaluation(self, evaluation: Evaluation) -> LabelledPart:
        """The labels that an evaluation's fine-tuning learns from."""
        if evaluation.labelled_part:
            return self.labelled_parts[evaluation.labelled_part]
        parts = self.parts_behind(evaluation)
        return self.labelled_parts[parts[0]] if parts and parts[0] else ALL_LABELS

    def parts_behind(self, evaluation: Evaluation) -> list[str | None]:
        """The parts of an evaluation's data set whose labels its motion models learned from; None
        stands for all labels."""
        models = (self.motion_models[name] for name in self.motion_models_of(evaluation))
        return list(
            dict.fromkeys(m.labelled_part for m in models if m.dataset == evaluation.dataset)
        )

    def leaks(self, evaluation: str, splits: Sequence[int] | None = None) -> bool:
        """Whether a model may have learned from test videos of an evaluation, or of some of its
        splits.

        A motion model of another split of the data set may have seen them with their labels; a
        source that contains them shows them without.
        """
        recipe = self.evaluations[evaluation]
        supervision = None
        if recipe.model in self.appearance_models:
            supervision = self.supervision_of(recipe.model)
        source = supervision.dataset if supervision else None
        if source == recipe.dataset and supervision.videos == "all":
            return True
        for name in self.motion_models_of(recipe):
            learned_from = {self.motion_models[name].dataset}
            if source and name == supervision.motion_model:
                learned_from.add(source)
            evaluated = splits or recipe.splits
            other_split = any(self.model_split(recipe, name, s) != s for s in evaluated)
            if other_split and recipe.dataset in learned_from:
                return True
        return False

    def leaking(self, table: str) -> list[str]:
        """Names of the evaluations of a table that leak (`leaks`) in the splits that it shows. The
        copies for other seeds are left out, since they leak alike."""
        recipe = self.tables[table]
        shown = {name for name, _ in recipe.measurements}
        return sorted(name for name in shown if self.leaks(name, recipe.splits))

    def noticed(self, table: str) -> Table:
        """A table with the run's notice in front of its own note."""
        recipe = self.tables[table]
        return recipe.model_copy(update={"note": f"{self.notice} {recipe.note}".strip()})
