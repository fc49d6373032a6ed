"""The parts of a config that are for small sets: folds, seeds, comparisons, steps, augmentation."""

import pytest

from motionfit.config import FineTuning, Folders, SelfTraining, Training, load_config, parse_recipe
from motionfit.errors import MotionFitError
from motionfit.graph import Graph
from motionfit.seeds import with_seeds
from tests.test_config import change

OWN = {"format": "folders", "videos": "v", "folds": 4}


def with_folds(**evaluation):
    values = change("datasets/demo-target", OWN)
    for recipe in values["evaluations"].values():
        del recipe["splits"]
        recipe |= evaluation
    return load_config(values)


def test_evaluations_use_all_folds_unless_they_name_splits():
    assert with_folds().evaluations["motionfit"].splits == (1, 2, 3, 4)
    assert with_folds(splits=[2]).evaluations["motionfit"].splits == (2,)
    with pytest.raises(MotionFitError, match=r"has no split 5 \(it has 4\)"):
        with_folds(splits=[5])
    assert load_config(change("datasets/demo-target/seed", 1)).evaluations["motionfit"].splits == (
        1,
    )


def test_folds_and_test_groups_contradict():
    with pytest.raises(ValueError, match="remove one of the two"):
        Folders(format="folders", videos="v", folds=4, test_groups=("1",))


def test_a_config_of_two_seeds_has_copies_of_all_that_depends_on_one():
    config = with_seeds(load_config(change("seeds", 2)))
    assert config.evaluations.keys() == {
        name + copy for name in ("motionfit", "random", "motion") for copy in ("", ".seed1")
    }
    assert config.motion_models["motion.seed1"].training.seed == 1000
    assert config.datasets.keys() == {"demo-target", "demo-source"}
    report = Graph(load_config(change("seeds", 2))).report()
    assert "results/evaluations/random.seed1/metrics.json" in report.inputs["metrics"].paths
    predictions = "results/evaluations/random.seed1/split1/predictions.csv"
    assert predictions in report.inputs["others"].paths


@pytest.mark.parametrize(("own", "shown"), [({}, 2), ({"seeds": 1}, 1), ({"seeds": 3}, 3)])
def test_a_table_shows_the_seeds_of_the_config_unless_it_names_its_own(own, shown):
    values = change("seeds", 2)
    rows = {"row": {"evaluation": "motionfit"}}
    table = {"title": "Table", "columns": {"top-1": "recognition top1"}, "rows": rows}
    values["tables"] = {"table": table | own}
    config = load_config(values)
    assert config.tables["table"].seeds == shown
    assert ("motionfit.seed2" in with_seeds(config).evaluations) == (shown == 3)


@pytest.mark.parametrize(
    ("comparisons", "message"),
    [
        ([["motionfit", "x"]], "comparisons: there is no evaluation named 'x'"),
        ([["motionfit"]], r"comparisons\.0"),
        ([["random", "random"]], "random is compared with itself"),
    ],
)
def test_comparisons_name_two_evaluations(comparisons, message):
    with pytest.raises(MotionFitError, match=message):
        load_config(change("comparisons", comparisons))


def test_compared_evaluations_have_the_same_test_videos_and_measure_recognition():
    values = change("comparisons", [["motionfit", "random"]])
    load_config(values)
    values["evaluations"]["random"]["measures"] = ["retrieval"]
    with pytest.raises(MotionFitError, match="compared by recognition, which one of them does not"):
        load_config(values)
    values = change("datasets/demo-target", OWN) | {"comparisons": [["motionfit", "random"]]}
    values["evaluations"]["random"]["splits"] = [2]
    with pytest.raises(MotionFitError, match="motionfit and random have different test videos"):
        load_config(values)


def test_steps_scale_the_default_milestones():
    training = Training(steps=1000)
    assert training.milestones == (0.3333, 0.5, 0.6667)  # 40, 60 and 80 of 120 epochs
    assert training.schedule(videos=20) == (334, [111, 167, 223])  # 3 steps per epoch
    assert SelfTraining(steps=90, batch_size=8).schedule(videos=24) == (30, [13, 27])
    assert FineTuning(steps=1, milestones=[0.5]).schedule(videos=100)[0] == 1


def test_epochs_can_have_milestones_as_fractions():
    assert Training(epochs=10, milestones=[0.5, 9]).schedule(videos=5) == (10, [5, 9])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"steps": 5, "epochs": 3}, "give epochs or steps, not both"),
        ({"epochs": None}, "give epochs or steps, one of them"),
        ({"steps": 5, "milestones": [3]}, "with steps, milestones are fractions"),
        ({"milestones": [0]}, "milestones"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(keys, message):
    with pytest.raises(ValueError, match=message):
        Training(**keys)


def test_a_recipe_with_steps_reaches_its_stage_as_it_is():
    recipe = SelfTraining(steps=90)
    assert parse_recipe(SelfTraining, recipe.to_json()) == recipe


def test_flow_has_no_colours_to_change():
    key = "motion_models/motion/training/augmentation"
    load_config(change(key, {"zoom": 0.8}))
    with pytest.raises(MotionFitError, match=r"motion\.training\.augmentation: .*on flow"):
        load_config(change(key, {"colour": 0.4}))
