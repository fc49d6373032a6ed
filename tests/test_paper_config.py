"""Compares `configs/paper.yaml` with the paper: figures, rows and columns, and recipes."""

import csv
from pathlib import Path

import pytest
import yaml

from motionfit.config import Config, Table, load_config, over_base

ROOT = Path(__file__).resolve().parents[1]
TABLES_OF_TEXT = {
    "text lambda": "lambda_motion_model",
    "text pseudo-labels of appearance": "appearance_pseudo_labels",
    "text neighbour labels": "neighbour_labels",
    "text common classes": "common_classes",
}
"""For figures in the paper's text, the table of the config that shows them."""


def read(name: str) -> Config:
    return load_config(over_base(yaml.safe_load((ROOT / "configs" / name).read_text()), ROOT))


PAPER = read("paper.yaml")


@pytest.fixture(scope="module")
def published(shared_paper) -> list[dict[str, str]]:
    """The paper's figures, with the keys table, row, kind (own or quoted), column and value."""
    with (shared_paper / "published.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table_of(name: str) -> Table:
    return PAPER.tables[
        TABLES_OF_TEXT.get(name) or f"table{'_' * name.startswith('S')}{name.lower()}"
    ]


def test_the_tables_have_every_figure_of_the_paper(published):
    for cell in published:
        table = table_of(cell["table"])
        row = table.rows[cell["row"]]
        if cell["column"] not in table.measures:
            assert row.text[cell["column"]] == cell["value"], cell
        else:
            assert row.published[cell["column"]] == float(cell["value"]), cell


def test_the_tables_have_only_figures_and_rows_of_the_paper(published):
    """Tables of figures in the paper's text may have other rows too, but no other figures."""
    printed = {(cell["table"], cell["row"], cell["column"]) for cell in published}
    for name in {cell["table"] for cell in published}:
        table = table_of(name)
        for row, recipe in table.rows.items():
            for column in (*recipe.published, *recipe.text):
                assert (name, row, column) in printed
        if name not in TABLES_OF_TEXT:
            assert list(table.rows) == list(
                dict.fromkeys(r for t, r, _ in order(published) if t == name)
            )


COLUMNS = {
    "table1": "32 frames, 64 frames, R=1, R=2, R=3",
    "table2": "UCF101",
    "table3": "K=128, K=500, K=1000, K=1600",
    "table4": "UCF101, HMDB51",
    "table5": "Backbone, Frames, Resolution, Additional labels, UCF101, HMDB51",
    "table6": "Backbone, Frames, Resolution, Modality, UCF101, HMDB51",
    "table7": "Backbone, Modality, UCF101 R@1, UCF101 R@5, UCF101 R@20, HMDB51 R@1, HMDB51 R@5, "
    "HMDB51 R@20",
    "table8": "20% labelled, 50% labelled",
    "table_s1": "20% labelled, 50% labelled, Source",
    "table_s2": "Dataset, Backbone, Frames, Resolution, Modality, UCF101, HMDB51",
    "table_s3": "Dataset, Backbone, Modality, UCF101 R@1, UCF101 R@5, UCF101 R@20, HMDB51 R@1, "
    "HMDB51 R@5, HMDB51 R@20",
}
"""Columns of the tables as printed in the paper, from left to right."""


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_in_the_printed_order(name):
    assert ", ".join(PAPER.tables[name].columns) == COLUMNS[name]


def order(published: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(cell["table"], cell["row"], cell["column"]) for cell in published]


def test_own_rows_are_measured_and_quoted_ones_are_not(published):
    for cell in published:
        table = table_of(cell["table"])
        if cell["column"] not in table.measures:
            continue
        evaluation = table.rows[cell["row"]].evaluation_of(cell["column"])
        assert (evaluation is not None) == (cell["kind"] == "own"), cell


def cells(table: str):
    """Yields (row, column, evaluation) for each measured cell of a table."""
    for row, recipe in PAPER.tables[table].rows.items():
        for column in PAPER.tables[table].measures:
            if evaluation := recipe.evaluation_of(column):
                yield row, column, evaluation


def test_no_two_recipes_are_equal():
    for section in ("motion_models", "pseudo_labels", "appearance_models", "evaluations"):
        recipes = [recipe.to_json() for recipe in getattr(PAPER, section).values()]
        assert len(set(recipes)) == len(recipes), section


def test_every_artefact_is_used_by_a_table():
    shown = {evaluation for table in PAPER.tables for *_, evaluation in cells(table)}
    assert shown == {*PAPER.evaluations}
    models = {evaluation.model for evaluation in PAPER.evaluations.values()}
    assert {*PAPER.appearance_models} <= models
    labels = {model.pseudo_labels for model in PAPER.appearance_models.values()}
    assert {*PAPER.pseudo_labels} == labels - {None}
    used = {m for e in PAPER.evaluations.values() for m in PAPER.motion_models_of(e)}
    assert {*PAPER.motion_models} == used


def recipes_of(evaluation: str):
    """The recipes of an evaluation, its model, its pseudo-labels and its motion model."""
    recipe = PAPER.evaluations[evaluation]
    model = PAPER.models[recipe.model]
    labels = PAPER.pseudo_labels.get(getattr(model, "pseudo_labels", None) or "")
    motion = PAPER.motion_models_of(recipe)
    return recipe, model, labels, PAPER.motion_models[motion[0]] if motion else None


@pytest.mark.parametrize(
    "table",
    [
        "table1",
        "table2",
        "table3",
        "table8",
        "table_s1",
        "table7",
        "lambda_motion_model",
        "common_classes",
    ],
)
def test_ablations_use_split_1(table):
    assert PAPER.tables[table].splits == (1,)


@pytest.mark.parametrize("table", ["table4", "table5", "table6", "table_s2"])
def test_the_main_results_use_three_splits_and_motion_models_of_ucf101(table):
    for _, column, name in cells(table):
        evaluation, *_, motion = recipes_of(name)
        assert evaluation.splits == (1, 2, 3)
        assert evaluation.dataset == column.lower()
        assert motion.dataset == "ucf101"
        assert evaluation.model_split == ("target" if column == "UCF101" else 1)


def test_the_recipes_follow_the_papers_text():
    assert PAPER.flow["tvl1"].method == "tvl1"
    assert (PAPER.flow["tvl1"].size, PAPER.flow["tvl1"].bound) == ((128, 171), 20)
    for model in (*PAPER.motion_models.values(), *PAPER.appearance_models.values()):
        training = model.training
        s3dg = model.network.backbone == "s3d_g"
        assert training.crop == (224 if s3dg else 112)
        assert model.frame_size == ((256, 342) if s3dg else (128, 171))
        assert training.keep == "best"
        assert (training.learning_rate, training.momentum, training.weight_decay) == (
            1e-3,
            0.9,
            5e-4,
        )
        assert (training.validation_fraction, training.validation_unit) == (0.1, "video")
        assert not training.flip
    for motion in PAPER.motion_models.values():
        assert (motion.training.epochs, motion.training.milestones) == (120, (40, 60, 80))
        assert motion.training.batch_size == 8
        assert (motion.features_clip_length, motion.features.stride) == (16, 16) or (
            motion.network.clip_length > 16
        )
    for name, model in PAPER.appearance_models.items():
        assert (model.training.epochs, model.training.milestones) == (45, (20, 40))
        kinetics = PAPER.source_of(name) != "ucf101"
        batch = 32 if model.network.backbone == "s3d_g" else 16 if kinetics else 8
        assert model.training.batch_size == batch
        assert (model.training.clips_per_video, model.training.jitter) == (3, 8)
    for evaluation in PAPER.evaluations.values():
        assert evaluation.clips == 10
        if tuned := evaluation.fine_tuning:
            assert (tuned.epochs, tuned.milestones, tuned.batch_size) == (120, (40, 60, 80), 8)
            assert tuned.validation_fraction == 0
            assert not tuned.flip
            learned = evaluation.model in PAPER.appearance_models and evaluation.model != "random"
            assert tuned.layers == ("last" if learned else "all")
    assert {labels.clusters for labels in PAPER.pseudo_labels.values()} == {128, 500, 1000, 1600}


@pytest.mark.parametrize(
    "table", ["table4", "table5", "table6", "table7", "common_classes", "appearance_pseudo_labels"]
)
def test_the_source_is_kinetics_train(table):
    for _, _, name in cells(table):
        model = PAPER.evaluations[name].model
        if model != "random":  # MARS has no source
            assert PAPER.source_of(model) == "kinetics-train"


@pytest.mark.parametrize("table", ["table2", "lambda_self_training", "neighbour_labels"])
def test_the_source_is_kinetics_val(table):
    for _, _, name in cells(table):
        assert PAPER.source_of(PAPER.evaluations[name].model) == "kinetics-val"
        assert recipes_of(name)[2].clusters == 1000


def test_mers_and_mars_have_the_motion_model_of_the_pseudo_labels_as_teacher():
    for row, _, name in cells("table5"):
        evaluation, model, labels, _ = recipes_of(name)
        assert PAPER.motion_models_of(evaluation) == ["motion"]
        if row == "MERS":
            assert (model.mers.dataset, model.mers.weight) == ("kinetics-train", 50)
        elif row == "MARS":
            assert (evaluation.model, evaluation.fine_tuning.layers) == ("random", "all")
            assert evaluation.fine_tuning.mars.weight == 50
        else:
            assert labels.motion_model == "motion"


def test_pseudo_labels_of_motion_and_of_appearance_differ_only_in_their_input():
    motion, appearance = (recipes_of(name) for *_, name in cells("appearance_pseudo_labels"))
    assert motion[2].clusters == appearance[2].clusters == 128
    assert motion[3].flow
    assert appearance[3].flow is None
    assert motion[3].training == appearance[3].training


def test_the_gain_of_neighbour_labels_is_over_the_same_recipe_without_them():
    (_, _, own), (_, _, added), (gain, _, shown) = cells("neighbour_labels")
    assert (recipes_of(own)[1].training.neighbours, recipes_of(added)[1].training.neighbours) == (
        None,
        "sum",
    )
    assert recipes_of(own)[2] == recipes_of(added)[2]
    assert shown == added
    assert PAPER.tables["neighbour_labels"].rows[gain].gain_over == own


def test_the_excluded_classes_are_classes_of_kinetics(shared_data):
    with (shared_data / "splits/kinetics400/kinetics-400_val.csv").open(newline="") as file:
        known = {row["label"] for row in csv.DictReader(file)}
    left_out = PAPER.pseudo_labels["no-common-classes"].exclude_classes
    assert set(left_out) <= known
    assert len(set(left_out)) == len(left_out) == 83


def test_retrieval_uses_split_1_and_the_network_of_split_1():
    for _, column, name in cells("table7"):
        evaluation = PAPER.evaluations[name]
        assert evaluation.dataset == column.split()[0].lower()
        assert evaluation.splits == (1,)
        assert PAPER.model_split(evaluation, evaluation.model, 1) == 1
        assert evaluation.recall_at == (1, 5, 20)


def test_table_1_evaluates_motion_models():
    for row, column, name in cells("table1"):
        evaluation, model, _, motion = recipes_of(name)
        assert evaluation.fine_tuning is None
        assert model is motion
        assert (motion.flow is None) == (row == "appearance")
        frames, _, clips = column.partition("=")
        if clips:
            assert (motion.network.clip_length, motion.training.clips_per_video) == (16, int(clips))
        else:
            length = int(frames.split()[0])
            assert (motion.network.clip_length, evaluation.clip_length) == (length, length)
            assert motion.training.clips_per_video == 1


def test_table_2_uses_kinetics_val():
    granularity = {
        "video": "video",
        "segment, percentile": "segment_percentile",
        "segment, three equal": "segment_equal",
        "clip": "clip",
    }
    for row, _, name in cells("table2"):
        labels = recipes_of(name)[2]
        assert (labels.granularity, labels.dataset) == (granularity[row], "kinetics-val")
        assert labels.clusters == 1000


def test_table_3_compares_sources_and_numbers_of_clusters():
    for row, column, name in cells("table3"):
        labels = recipes_of(name)[2]
        assert labels.dataset == row.lower()
        assert labels.clusters == int(column.removeprefix("K="))


def test_table_4_fine_tunes_the_same_networks_with_different_clip_lengths():
    for row, _, name in cells("table4"):
        evaluation, model, *_ = recipes_of(name)
        assert evaluation.clip_length == int(row.split()[0])
        assert evaluation.model == "motionfit"
        assert model.network.clip_length == 16


def test_text_columns_agree_with_the_recipes():
    backbones = {"R(2+1)D-18": "r2plus1d_18", "S3D-G": "s3d_g"}
    for table in ("table5", "table6", "table7", "table_s2", "table_s3"):
        for row, _, name in cells(table):
            evaluation, model, *_, motion = recipes_of(name)
            text = PAPER.tables[table].rows[row].text
            assert model.network.backbone == backbones[text["Backbone"]]
            assert evaluation.clip_length == int(text.get("Frames", evaluation.clip_length))
            crop = int(text.get("Resolution", model.training.crop))
            assert model.training.crop == crop
            if evaluation.fine_tuning:
                assert evaluation.fine_tuning.crop == crop
            assert motion.network.backbone == "r2plus1d_18"


def test_tables_8_and_s1_use_3d_resnet_18_and_one_labelled_part():
    for table in ("table8", "table_s1"):
        for row, column, name in cells(table):
            evaluation, model, labels, motion = recipes_of(name)
            assert model.network.backbone == motion.network.backbone == "r3d_18"
            part = PAPER.labels_of_evaluation(evaluation)
            assert part == PAPER.labels_of(labels.motion_model)
            assert (part.label_fraction, part.label_unit) == (int(column[:2]) / 100, "video")
            assert (labels.dataset, evaluation.dataset) == ("ucf101", "ucf101")
            assert labels.videos == ("unlabelled" if row.endswith("D_MPLG") else "train")


def test_tables_that_show_the_same_result_share_the_evaluation():
    def run(table: str, row: str, column: str = "UCF101") -> str:
        return PAPER.tables[table].rows[row].evaluation_of(column)

    assert run("table2", "clip") == run("table3", "Kinetics-val", "K=1000")
    same = {
        run("table3", "Kinetics-train", "K=1000"),
        run("table4", "16 frames"),
        run("table5", "MotionFit"),
        run("common_classes", "all classes, K=1000"),
    }
    assert len(same) == 1
    assert run("table1", "motion", "R=3") == run("lambda_motion_model", "motion, lambda=1")


def test_lambda_is_compared_with_the_same_sampling_of_clips():
    for row, _, name in cells("lambda_motion_model"):
        motion = recipes_of(name)[3]
        weight = float(row.split("=")[1].split(",")[0])
        assert motion.training.multi_clip_weight == weight
        assert (motion.flow is None) == row.startswith("appearance")
        alike = weight < 1 or row.endswith("8 frames apart")
        assert motion.training.clip_gap == (8 if alike else None)
        tuned = PAPER.evaluations[name].fine_tuning
        assert (tuned is None) == (weight > 0)
    for row, column, name in cells("lambda_self_training"):
        _, model, labels, _ = recipes_of(name)
        assert model.training.multi_clip_weight == (0.5 if "0.5" in row else 1)
        assert model.training.clip_gap == (8 if "apart" in row else None)
        assert labels.granularity.split("_")[0] == column.split(",")[0]


def test_the_config_beyond_the_paper_only_adds_to_the_paper():
    beyond = read("beyond-paper.yaml")
    for section in ("motion_models", "pseudo_labels", "appearance_models", "evaluations", "tables"):
        ours, paper = getattr(beyond, section), getattr(PAPER, section)
        assert {name: ours[name] for name in paper} == paper
        recipes = [r.to_json() for r in ours.values()] if section != "tables" else []
        assert len(set(recipes)) == len(recipes), section
    added = beyond.tables.keys() - PAPER.tables.keys()
    assert added
    assert all(name.startswith("beyond_") for name in added)
