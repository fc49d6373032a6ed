"""What only the rules need: the config, wildcards, resources, and look-ups that ask the graph."""

import json
import re
from snakemake.exceptions import WorkflowError

from motionfit.config import Demo, check_paths, load_config, over_base
from motionfit.errors import MotionFitError
from motionfit.flow.methods import BATCHED
from motionfit.graph import Graph, report_config
from motionfit.yaml_files import read_config

try:
    if workflow.is_main_process:
        # Snakemake has read these files already, but if a key occurs twice, it used the last value.
        # `read_config` refuses such a file.
        for configfile in workflow.configfiles:
            read_config(Path(configfile))
    WRITTEN = load_config(over_base(config, Path(workflow.basedir)))
    check_paths(WRITTEN)
    GRAPH = Graph(WRITTEN, lambda dataset: read_index(dataset))
except MotionFitError as error:
    raise WorkflowError(str(error)) from None

CONFIG = GRAPH.config
RULES = {name: GRAPH.model(name, split=1).rule for name in CONFIG.appearance_models}
"""Name of an appearance model to the rule that makes it."""


def names(known):
    """A pattern for wildcards that matches only these names."""
    return "|".join(map(re.escape, known)) or "(?!)"


wildcard_constraints:
    dataset=names(CONFIG.datasets),
    other=names(CONFIG.datasets),
    demo=names(name for name, d in CONFIG.datasets.items() if isinstance(d, Demo)),
    flow=names(CONFIG.flow),
    motion_model=names(CONFIG.motion_models),
    pseudo_labels=names(CONFIG.pseudo_labels),
    appearance_model=names(n for n, rule in RULES.items() if rule == "appearance_model"),
    taught_model=names(n for n, rule in RULES.items() if rule == "taught_model"),
    random_model=names(n for n, rule in RULES.items() if rule == "random_model"),
    evaluation=names(CONFIG.evaluations),
    table=names(CONFIG.tables),
    figure=names(CONFIG.figures),
    size=r"\d+x\d+",
    shard=r"\d+",
    shards=r"\d+(-\d+)?",
    split=r"\d+",


# ------------------------------------------------------------------------------------- resources


def resources(rule):
    """The resources of a rule's jobs. If they change, no job runs again."""
    return getattr(CONFIG.resources, rule)


def growing(rule, amount):
    """For `resources`: the amount that a job of a rule asks for, multiplied by the number of the
    attempt, so that a job that ran out of memory or time gets more at its retry. The rules of
    trainings do not use this for their time: a training resumes from its checkpoint, and a cluster
    refuses, or never starts, a job that asks for too much time."""
    value = getattr(resources(rule), amount)

    def look_up(wildcards, attempt):
        return attempt * value

    return look_up


def flow_gpus(wildcards):
    method = CONFIG.flow[wildcards.flow].method
    return max(resources("flow").gpu, int(method in BATCHED))


# --------------------------------------------------------------------------- what the graph knows


def artefact_of(rule, wildcards):
    """The artefact that a job of a rule makes."""
    values = {n: int(w) if n == "split" else w for n, w in wildcards.items()}
    return GRAPH.artefact(rule, values)


def reads(rule, name):
    """For `input`: the files of a named input of a rule's job, if it has that input."""

    @input_files
    def look_up(wildcards):
        inputs = artefact_of(rule, wildcards).inputs
        return without_braces(inputs[name].paths) if name in inputs else []

    return look_up


def without_braces(paths):
    """The paths that have no braces. Snakemake would read braces as wildcards. Only files that the
    pipeline does not make can have them, and the records cover the content of these files, so they
    need not be inputs."""
    return [path for path in paths if not {"{", "}"} & {*path}]


def folder_of(rule, name):
    """For `params`: the folder of the shards of a named input of a rule's job."""

    def look_up(wildcards):
        return artefact_of(rule, wildcards).inputs[name].folder

    return look_up


def option(rule, name):
    """For `params`: the value of an option of a rule's command. A recipe is written as JSON with
    sorted keys, so that equal recipes give equal text."""

    def look_up(wildcards):
        value = artefact_of(rule, wildcards).options[name]
        if isinstance(value, dict):
            return json.dumps(value, sort_keys=True, ensure_ascii=False)
        return value

    return look_up


# ------------------------------------------------------------------------------ optional options


def demo_videos(wildcards):
    """The folder in which the videos of a demo are rendered."""
    if isinstance(CONFIG.datasets[wildcards.dataset], Demo):
        return f"--videos {GRAPH.render_demo(wildcards.dataset).folder}"
    return ""


def option_if_given(rule, name):
    """For `params`: an option of a rule's command with its values, or nothing if it has none. A
    flag has no value."""

    def look_up(wildcards):
        value = artefact_of(rule, wildcards).options[name]
        values = value if isinstance(value, list) else [] if value is True else [value]
        return " ".join([f"--{name.replace('_', '-')}", *map(str, values)]) if value else ""

    return look_up


def shards_of_features(wildcards):
    return GRAPH.ranges(wildcards.dataset)[wildcards.shards]


def teacher_of_fine_tuning(wildcards):
    """The motion model that MARS learns from, and the flow that it reads."""
    inputs = artefact_of("fine_tuning", wildcards).inputs
    if "teacher" not in inputs:
        return ""
    return f"--teacher {inputs['teacher'].paths[0]} --flow {inputs['flow'].folder}"


def source_of_duplicates(wildcards):
    """The source that is compared with a target, unless it is the target itself."""
    inputs = artefact_of("duplicates", wildcards).inputs
    if "source_index" not in inputs:
        return ""
    index, frames = inputs["source_index"].paths[0], inputs["source_frames"].folder
    return f"--source-index {index} --source-frames {frames}"


def left_out(rule):
    """For `params`: the near-duplicates of test videos that a job does not learn from."""

    def look_up(wildcards):
        inputs = artefact_of(rule, wildcards).inputs
        if "duplicates" not in inputs:
            return ""
        return f"--duplicates {' '.join(inputs['duplicates'].paths)}"

    return look_up


def stop_when_hopeless(wildcards):
    """A job whose result is finished does not run again for this option."""
    return "--stop-when-hopeless" if CONFIG.stop_when_hopeless else ""


def config_of_report(wildcards):
    return report_config(WRITTEN)


# --------------------------------------------------------------------------------- named targets


def files_of_table(name):
    endings = [".md", ".csv", *([".svg"] if CONFIG.tables[name].axis else [])]
    return [GRAPH.table(name).beside(name + ending) for ending in endings]


def named_targets(rules):
    """For the name of each table and figure, its files. `rules`: the names of the rules, which are
    taken already."""
    targets = {name: files_of_table(name) for name in CONFIG.tables}
    targets |= {name: [GRAPH.retrieval_figure(name).path] for name in CONFIG.figures}
    taken = {*rules, "all", "tables"}
    for name in targets:
        if name in taken:
            section = "tables" if name in CONFIG.tables else "figures"
            raise WorkflowError(
                f"{section}.{name}: a rule of the workflow has this name already, so "
                f"`snakemake {name}` would have two meanings: choose another name"
            )
    return targets
