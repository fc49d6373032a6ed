"""Look-ups that the rules share: from names in the config to recipes, files and resources."""

import re
from snakemake.exceptions import WorkflowError

from motionfit.config import ALL_LABELS, Demo, check_paths, load_config, over_base
from motionfit.errors import MotionFitError
from motionfit.flow.methods import BATCHED
from motionfit.graph import (
    NOT_INDEXED,
    Graph,
    annotation_files,
    motion_model_unused,
    pseudo_labels_unused,
    random_model_recipe,
    report_config,
    size_name,
)
from motionfit.report.lineage import lineage
from motionfit.yaml_files import read_config

try:
    if workflow.is_main_process:
        # Snakemake has read them already, and of a key that comes twice has taken the last value.
        for configfile in workflow.configfiles:
            read_config(Path(configfile))
    WRITTEN = load_config(over_base(config, Path(workflow.basedir)))
    check_paths(WRITTEN)
    GRAPH = Graph(WRITTEN, lambda dataset: read_index(dataset))
except MotionFitError as error:
    raise WorkflowError(str(error)) from None

CONFIG = GRAPH.config


def names(known):
    """A pattern for wildcards that matches these names and nothing else."""
    return "|".join(map(re.escape, known)) or "(?!)"


wildcard_constraints:
    dataset=names(CONFIG.datasets),
    demo=names(name for name, d in CONFIG.datasets.items() if isinstance(d, Demo)),
    flow=names(CONFIG.flow),
    motion_model=names(CONFIG.motion_models),
    pseudo_labels=names(CONFIG.pseudo_labels),
    appearance_model=names(n for n, m in CONFIG.appearance_models.items() if m.pseudo_labels),
    mers_model=names(n for n, m in CONFIG.appearance_models.items() if m.mers),
    random_model=names(n for n in CONFIG.appearance_models if not CONFIG.source_of(n)),
    evaluation=names(CONFIG.evaluations),
    table=names(CONFIG.tables),
    figure=names(CONFIG.figures),
    size=r"\d+x\d+",
    shard=r"\d+",
    shards=r"\d+(-\d+)?",
    split=r"\d+",


def resources(stage):
    """What a job of a stage asks for; a change of it reruns nothing."""
    return getattr(CONFIG.resources, stage)


def growing(stage, amount):
    """For `resources`: the amount that a job of a stage asks for, once more at each retry, so that
    one that ran out of memory or time gets further. The time of a training does not grow: it goes on
    from its checkpoint, and a cluster refuses, or never starts, what asks for too long."""
    value = getattr(resources(stage), amount)

    def look_up(wildcards, attempt):
        return attempt * value

    return look_up


def recipe_json(section, wildcard, part=None):
    """For `params`: the recipe, or a part of it, that a wildcard names, as JSON."""

    def look_up(wildcards):
        recipe = getattr(CONFIG, section)[wildcards[wildcard]]
        return (getattr(recipe, part) if part else recipe).to_json()

    return look_up


def expressible(files):
    """The names of a user's files, without those that Snakemake would take for a pattern. What is in
    them is in the record of what is made from them, so they need not be inputs."""
    return [str(file) for file in files if not {"{", "}"} & {*str(file)}]


def weights_of(section, wildcard):
    """For `input`: the weight file that the network of a model starts from, where it has one."""

    @input_files
    def look_up(wildcards):
        weights = getattr(CONFIG, section)[wildcards[wildcard]].network.weights
        return expressible([weights] if weights else [])

    return look_up


# ------------------------------------------------------------------------------------- data sets


def index_recipe(wildcards):
    return CONFIG.datasets[wildcards.dataset].to_json(NOT_INDEXED)


@input_files
def index_inputs(wildcards):
    """The files that say what is in a data set, its videos aside."""
    if isinstance(CONFIG.datasets[wildcards.dataset], Demo):
        return [f"results/demo/{wildcards.dataset}/labels.csv"]
    return expressible(annotation_files(CONFIG.datasets[wildcards.dataset]))


def demo_videos(wildcards):
    """The argument that says where the videos of a demo were rendered."""
    if isinstance(CONFIG.datasets[wildcards.dataset], Demo):
        return f"--videos results/demo/{wildcards.dataset}"
    return ""


def shards(dataset, folder, suffix=".h5"):
    """The files in a folder that belong to the shards of a data set."""
    return [f"{folder}/{shard}{suffix}" for shard in read_index(dataset).videos]


@input_files
def index_of_dataset(wildcards):
    return f"results/index/{wildcards.dataset}.csv"


def frame_rate(wildcards):
    fps = CONFIG.datasets[wildcards.dataset].fps
    return f"--fps {fps}" if fps else ""


@input_files
def ledgers_of_dataset(wildcards):
    folder = f"results/frames/{wildcards.dataset}/{wildcards.size}"
    return shards(wildcards.dataset, folder, ".failed.csv")


def max_failed(wildcards):
    return CONFIG.datasets[wildcards.dataset].max_failed


def frames_folder(dataset, size):
    return f"results/frames/{dataset}/{size_name(size)}"


# ------------------------------------------------------------------------------------------ flow


@input_files
def frames_of_flow(wildcards):
    folder = frames_folder(wildcards.dataset, CONFIG.flow[wildcards.flow].size)
    return f"{folder}/{wildcards.shard}.h5"


def flow_gpus(wildcards):
    method = CONFIG.flow[wildcards.flow].method
    return max(resources("flow").gpu, int(method in BATCHED))


# ------------------------------------------------------------------------- what the models read


def clips_folder(dataset, model):
    """The folder of the shards of a data set that a model reads: frames, or flow."""
    if flow := CONFIG.flow_of(model):
        return f"results/flow/{dataset}/{flow}"
    return frames_folder(dataset, CONFIG.size_of(model))


def lost(dataset, model):
    """The proof that not too many videos of a data set are lost, in the size that a model reads."""
    return f"{frames_folder(dataset, CONFIG.size_of(model))}/failed.csv"


def clips_of(dataset, model):
    """All shards of a data set that a model reads, and the proof that not too many are lost."""
    return [*shards(dataset, clips_folder(dataset, model)), lost(dataset, model)]


# ----------------------------------------------------------------------------------- motion model


def motion_model_recipe(wildcards):
    """The recipe of the training, without what is done with the model later or where it is used."""
    recipe = CONFIG.motion_models[wildcards.motion_model]
    return recipe.to_json(motion_model_unused(recipe))


def labels_of_motion_model(wildcards):
    return CONFIG.labels_of(wildcards.motion_model).to_json()


@input_files
def index_of_motion_model(wildcards):
    return f"results/index/{CONFIG.motion_models[wildcards.motion_model].dataset}.csv"


@input_files
def clips_of_motion_model(wildcards):
    dataset = CONFIG.motion_models[wildcards.motion_model].dataset
    return clips_of(dataset, wildcards.motion_model)


def clips_folder_of_motion_model(wildcards):
    dataset = CONFIG.motion_models[wildcards.motion_model].dataset
    return clips_folder(dataset, wildcards.motion_model)


def clips_folder_of_features(wildcards):
    return clips_folder(wildcards.dataset, wildcards.motion_model)


def shards_of_features(wildcards):
    return GRAPH.ranges(wildcards.dataset)[wildcards.shards]


@input_files
def model_of_features(wildcards):
    return f"results/models/{wildcards.motion_model}/split{wildcards.split}/model.pt"


@input_files
def clips_of_features(wildcards):
    folder = clips_folder_of_features(wildcards)
    return [f"{folder}/{shard}.h5" for shard in shards_of_features(wildcards)]


# ---------------------------------------------------------------------------------- pseudo-labels


@input_files
def index_of_pseudo_labels(wildcards):
    return f"results/index/{CONFIG.pseudo_labels[wildcards.pseudo_labels].dataset}.csv"


def pseudo_labels_recipe(wildcards):
    """The recipe without what its granularity does not use."""
    recipe = CONFIG.pseudo_labels[wildcards.pseudo_labels]
    return recipe.to_json(pseudo_labels_unused(recipe))


def features_folder_of_pseudo_labels(wildcards):
    recipe = CONFIG.pseudo_labels[wildcards.pseudo_labels]
    return f"results/features/{recipe.motion_model}/split{wildcards.split}/{recipe.dataset}"


@input_files
def features_of_pseudo_labels(wildcards):
    """All features, and the proof that not too many of the source's videos are lost."""
    recipe = CONFIG.pseudo_labels[wildcards.pseudo_labels]
    folder = features_folder_of_pseudo_labels(wildcards)
    files = [f"{folder}/{name}.h5" for name in GRAPH.ranges(recipe.dataset)]
    return [*files, lost(recipe.dataset, recipe.motion_model)]


def source_shards(wildcards):
    return CONFIG.datasets[CONFIG.pseudo_labels[wildcards.pseudo_labels].dataset].shards


def labelled_of_pseudo_labels(wildcards):
    """The labels that the motion model learned, which count where their videos are left out."""
    recipe = CONFIG.pseudo_labels[wildcards.pseudo_labels]
    whole = recipe.videos != "unlabelled"
    return (ALL_LABELS if whole else CONFIG.labels_of(recipe.motion_model)).to_json()


# ------------------------------------------------------------------------------- appearance model


@input_files
def index_of_appearance_model(wildcards):
    return f"results/index/{CONFIG.source_of(wildcards.appearance_model)}.csv"


@input_files
def labels_of_appearance_model(wildcards):
    pseudo_labels = CONFIG.appearance_models[wildcards.appearance_model].pseudo_labels
    return f"results/pseudo_labels/{pseudo_labels}/split{wildcards.split}/labels.csv"


def recipe_of_random_model(wildcards):
    return random_model_recipe(CONFIG.appearance_models[wildcards.random_model])


@input_files
def frames_of_appearance_model(wildcards):
    model = wildcards.appearance_model
    return clips_of(CONFIG.source_of(model), model)


def frames_folder_of_appearance_model(wildcards):
    model = wildcards.appearance_model
    return clips_folder(CONFIG.source_of(model), model)


# ------------------------------------------------------------------------------------------- MERS


def mers_of(wildcards):
    return CONFIG.appearance_models[wildcards.mers_model].mers


@input_files
def index_of_mers(wildcards):
    return f"results/index/{mers_of(wildcards).dataset}.csv"


@input_files
def teacher_of_mers(wildcards):
    return f"results/models/{mers_of(wildcards).motion_model}/split{wildcards.split}/model.pt"


@input_files
def frames_of_mers(wildcards):
    return clips_of(mers_of(wildcards).dataset, wildcards.mers_model)


def frames_folder_of_mers(wildcards):
    return clips_folder(mers_of(wildcards).dataset, wildcards.mers_model)


@input_files
def flow_of_mers(wildcards):
    return clips_of(mers_of(wildcards).dataset, mers_of(wildcards).motion_model)


def flow_folder_of_mers(wildcards):
    return clips_folder(mers_of(wildcards).dataset, mers_of(wildcards).motion_model)


# ------------------------------------------------------------------------------------- evaluation


def evaluation_of(wildcards):
    return CONFIG.evaluations[wildcards.evaluation]


@input_files
def index_of_evaluation(wildcards):
    return f"results/index/{evaluation_of(wildcards).dataset}.csv"


def model_file(evaluation, model, split):
    """A model of an evaluation, of the split that it has to be of where `split` is evaluated."""
    return (
        f"results/models/{model}/split{CONFIG.model_split(evaluation, model, int(split))}/model.pt"
    )


@input_files
def model_of_evaluation(wildcards):
    """The motion or appearance model that is evaluated."""
    evaluation = evaluation_of(wildcards)
    return model_file(evaluation, evaluation.model, wildcards.split)


def labels_of_evaluation(wildcards):
    return CONFIG.labels_of_evaluation(evaluation_of(wildcards)).to_json()


@input_files
def model_to_recognise(wildcards):
    """The fine-tuned model; where there is no fine-tuning, the model as it is."""
    if evaluation_of(wildcards).fine_tuning is None:
        return model_of_evaluation(wildcards)
    return f"results/evaluations/{wildcards.evaluation}/split{wildcards.split}/model.pt"


def clips_folder_of_evaluation(wildcards):
    return clips_folder(evaluation_of(wildcards).dataset, evaluation_of(wildcards).model)


@input_files
def clips_of_evaluation(wildcards):
    return clips_of(evaluation_of(wildcards).dataset, evaluation_of(wildcards).model)


@input_files
def teacher_of_evaluation(wildcards):
    """The motion model that MARS learns from, and the flow that it reads; nothing without MARS."""
    recipe = evaluation_of(wildcards)
    if not (mars := recipe.fine_tuning.mars):
        return []
    model = model_file(recipe, mars.motion_model, wildcards.split)
    return [model, *clips_of(recipe.dataset, mars.motion_model)]


def teacher_arguments(wildcards):
    recipe = evaluation_of(wildcards)
    if not (mars := recipe.fine_tuning.mars):
        return ""
    model = model_file(recipe, mars.motion_model, wildcards.split)
    return f"--teacher {model} --flow {clips_folder(recipe.dataset, mars.motion_model)}"


@input_files
def measures_of_evaluation(wildcards):
    return expand(
        "results/evaluations/{evaluation}/split{split}/{measure}.json",
        evaluation=wildcards.evaluation,
        split=evaluation_of(wildcards).splits,
        measure=evaluation_of(wildcards).measures,
    )


def fine_tuning_recipe(wildcards):
    return evaluation_of(wildcards).fine_tuning.to_json()


def from_evaluation(key):
    """For `params`: one value of the evaluation that a wildcard names."""

    def look_up(wildcards):
        return getattr(evaluation_of(wildcards), key)

    return look_up


# -------------------------------------------------------------------------------- tables, figures


def table_recipe(wildcards):
    """The recipe in the order of the config, which is that of the table's rows and columns."""
    return CONFIG.noticed(wildcards.table).model_dump_json()


@input_files
def metrics_of_table(wildcards):
    """The measures of exactly the evaluations, and splits, that a table shows."""
    table = CONFIG.tables[wildcards.table]
    shown = {(name, measure.split(" ")[0]) for name, measure in table.measurements_of_seeds}
    if table.splits is None:
        return sorted({f"results/evaluations/{name}/metrics.json" for name, _ in shown})
    return [
        f"results/evaluations/{name}/split{split}/{kind}.json"
        for name, kind in sorted(shown)
        for split in table.splits
    ]


def leaking_arguments(wildcards):
    """The argument that names the evaluations whose test videos may have been learned from."""
    names = CONFIG.leaking(wildcards.table)
    return f"--leaking {' '.join(names)}" if names else ""


def evaluation_of_figure(wildcards):
    return CONFIG.evaluations[CONFIG.figures[wildcards.figure].evaluation]


@input_files
def index_of_figure(wildcards):
    return f"results/index/{evaluation_of_figure(wildcards).dataset}.csv"


@input_files
def neighbours_of_figure(wildcards):
    name = CONFIG.figures[wildcards.figure].evaluation
    split = CONFIG.evaluations[name].splits[0]
    return f"results/evaluations/{name}/split{split}/neighbours.csv"


@input_files
def frames_of_figure(wildcards):
    """The frames, of the size that the model reads, even where it reads their flow."""
    evaluation = evaluation_of_figure(wildcards)
    folder = frames_folder_of_figure(wildcards)
    return [*shards(evaluation.dataset, folder), f"{folder}/failed.csv"]


def frames_folder_of_figure(wildcards):
    evaluation = evaluation_of_figure(wildcards)
    return frames_folder(evaluation.dataset, CONFIG.size_of(evaluation.model))


def clip_length_of_figure(wildcards):
    return evaluation_of_figure(wildcards).clip_length


def files_of_table(name):
    endings = [".md", ".csv", *([".svg"] if CONFIG.tables[name].axis else [])]
    return [f"results/tables/{name}{ending}" for ending in endings]


def named_targets(rules):
    """Name of each table and figure to its files. `rules`: the names that are taken already."""
    targets = {name: files_of_table(name) for name in CONFIG.tables}
    targets |= {name: [f"results/figures/{name}.png"] for name in CONFIG.figures}
    taken = {*rules, "all", "tables"}
    for name in targets:
        if name in taken:
            section = "tables" if name in CONFIG.tables else "figures"
            raise WorkflowError(
                f"{section}.{name}: a rule of the workflow has this name already, so "
                f"`snakemake {name}` would be two things: choose another"
            )
    return targets


# ----------------------------------------------------------------------------------------- report


@input_files
def metrics_of_report(wildcards):
    return expand("results/evaluations/{evaluation}/metrics.json", evaluation=WRITTEN.evaluations)


@input_files
def tables_of_report(wildcards):
    return expand("results/tables/{table}.md", table=CONFIG.tables)


@input_files
def figures_of_report(wildcards):
    return expand("results/figures/{figure}.png", figure=CONFIG.figures)


def config_of_report(wildcards):
    return report_config(WRITTEN)


@input_files
def files_of_report(wildcards):
    """What else the report reads: a file that is missing is made, and nothing from it again."""
    made = lineage(WRITTEN)
    models = (*made.motion_models.items(), *made.appearance_models.items())
    of_labels = ("labels.csv", "quality.json")
    return [
        *(f"results/index/{dataset}.csv" for dataset in made.datasets),
        *(f"{frames_folder(*of_size)}/failed.csv" for of_size in made.frames),
        *(f"results/models/{m}/split{s}/history.csv" for m, splits in models for s in splits),
        *(
            f"results/pseudo_labels/{name}/split{split}/{file}"
            for name, splits in made.pseudo_labels.items()
            for split in splits
            for file in of_labels
        ),
        *(
            f"results/evaluations/{name}/split{split}/{file}"
            for name, evaluation in WRITTEN.evaluations.items()
            for split in evaluation.splits
            for file in files_of_evaluation(evaluation)
        ),
    ]


def files_of_evaluation(evaluation):
    """What the report reads of a split of an evaluation."""
    written = {"recognition": "predictions.csv", "retrieval": "neighbours.csv"}
    files = [written[measure] for measure in evaluation.measures]
    return [*files, "history.csv"] if evaluation.fine_tuning else files
