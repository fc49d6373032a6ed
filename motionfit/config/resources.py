"""What the jobs ask for."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from motionfit.config.defaults import laid_over
from motionfit.config.recipe import Recipe
from motionfit.config.values import Positive


class Resources(Recipe):
    """What each job of a rule asks for."""

    threads: Annotated[int, Field(ge=1, le=4096, strict=True)] = 1
    """CPU cores."""
    mem_mb: Positive = 4000
    """Memory in MB."""
    runtime: Positive = 120
    """Time limit in minutes, on a cluster."""
    gpu: Annotated[int, Field(ge=0, le=1024, strict=True)] = 0
    """GPUs."""


class TrainingResources(Resources):
    """What each training asks for, and how it uses that. None of it changes what is learned, except
    for rounding and the units that dropout leaves out."""

    gpu: Annotated[int, Field(ge=0, le=1024, strict=True)] = 1
    """GPUs per job, with one process each. On a machine without a GPU the job runs as many
    processes on the CPU. With 0 it uses no GPU."""
    compile: bool = False
    """Compile the network with torch.compile: the start takes a minute longer, each step is
    faster."""
    channels_last: bool = False
    """Store tensors with their channels last, which is faster on most GPUs at 16 bits."""
    gpu_decoding: bool = False
    """Decode the clips on the GPU with nvJPEG, if there are too few CPU cores to keep it busy."""

    @property
    def options(self) -> str:
        """Arguments of the training's command."""
        flags = ("compile", "channels_last", "gpu_decoding")
        chosen = [f"--{flag.replace('_', '-')}" for flag in flags if getattr(self, flag)]
        return " ".join([f"--devices {self.gpu}", *chosen])


class StageResources(Recipe):
    """Rule to what each of its jobs asks for. Keys that are not given keep the rule's defaults."""

    render_demo: Resources = Resources(mem_mb=2000, runtime=60)
    """Renders a demo data set."""
    index: Resources = Resources(mem_mb=2000, runtime=60)
    """Lists the videos of a data set."""
    frames: Resources = Resources(runtime=240)
    """Decodes the videos of a shard."""
    ledger: Resources = Resources(mem_mb=2000, runtime=60)
    """Lists the videos that could not be decoded."""
    flow: Resources = Resources(runtime=720)
    """Computes the optical flow of a shard."""
    duplicates: Resources = Resources(threads=8, mem_mb=16000, runtime=720)
    """Finds near-duplicates of the test videos of a target."""
    motion_model: TrainingResources = TrainingResources(threads=8, mem_mb=16000, runtime=1440)
    """Trains a motion model."""
    motion_judgement: Resources = Resources(threads=8, mem_mb=16000, runtime=240, gpu=1)
    """Judges a motion model by its test videos."""
    features: Resources = Resources(threads=8, mem_mb=16000, runtime=240, gpu=1)
    """Computes a motion model's features of the source videos."""
    pseudo_labels: Resources = Resources(threads=8, mem_mb=32000, runtime=240, gpu=1)
    """Clusters features."""
    appearance_model: TrainingResources = TrainingResources(threads=8, mem_mb=32000, runtime=4320)
    """Trains an appearance model on pseudo-labels."""
    taught_model: TrainingResources = TrainingResources(threads=8, mem_mb=32000, runtime=4320)
    """Trains an appearance model that a motion model teaches (MERS)."""
    random_model: Resources = Resources(mem_mb=2000, runtime=60)
    """Writes a network that is not trained."""
    fine_tuning: TrainingResources = TrainingResources(threads=8, mem_mb=16000, runtime=1440)
    """Fine-tunes a model on the target."""
    recognition: Resources = Resources(threads=8, mem_mb=16000, runtime=240, gpu=1)
    """Tests recognition."""
    retrieval: Resources = Resources(threads=8, mem_mb=16000, runtime=240, gpu=1)
    """Tests retrieval."""
    metrics: Resources = Resources(mem_mb=2000, runtime=10)
    """Collects the measures of an evaluation."""
    table: Resources = Resources(mem_mb=2000, runtime=10)
    """Writes a table, and plots it."""
    retrieval_figure: Resources = Resources(mem_mb=2000, runtime=10)
    """Draws a figure of retrieval."""
    report: Resources = Resources(runtime=60)
    """Writes the report."""

    @model_validator(mode="before")
    @classmethod
    def _lay_over_defaults(cls, values: Any) -> Any:
        """Lays what the config says of a rule over the defaults of that rule, not of all rules."""
        if not isinstance(values, dict):
            return values
        fields = cls.model_fields
        return {
            rule: laid_over(fields[rule].default.model_dump(), said) if rule in fields else said
            for rule, said in values.items()
        }
