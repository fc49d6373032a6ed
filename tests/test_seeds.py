import pytest
import yaml

from motionfit.config import Config, LabelledPart, load_config, over_base
from motionfit.errors import MotionFitError
from motionfit.seeds import with_seeds
from tests.test_config import ROOT, change

SECTIONS = ("motion_models", "pseudo_labels", "appearance_models", "evaluations")


def seeded(seeds: int, *evaluations: str, **changes) -> Config:
    """The demo with a table of several seeds."""
    values = change(
        "tables",
        {
            "t": {
                "title": "t",
                "columns": {"A": "recognition top1"},
                "seeds": seeds,
                "rows": {name: {"evaluation": name} for name in evaluations},
            },
        },
    )
    for section, recipes in changes.items():
        values.setdefault(section, {}).update(recipes)
    return load_config(values)


def copies(config: Config) -> dict[str, set[str]]:
    """For each section, the names that the config gets from `with_seeds`."""
    whole = with_seeds(config)
    return {s: getattr(whole, s).keys() - getattr(config, s).keys() for s in SECTIONS}


def test_all_random_artefacts_have_a_copy_for_each_other_seed():
    config = seeded(3, "motionfit")
    whole = with_seeds(config)
    assert copies(config) == {
        "motion_models": {"motion.seed1", "motion.seed2"},
        "pseudo_labels": {"clusters.seed1", "clusters.seed2"},
        "appearance_models": {"appearance.seed1", "appearance.seed2"},
        "evaluations": {"motionfit.seed1", "motionfit.seed2"},
    }
    first, other = whole.motion_models["motion"], whole.motion_models["motion.seed2"]
    assert other.training.seed == first.training.seed + 2000
    assert (other.dataset, other.flow) == (first.dataset, first.flow)
    labels = whole.pseudo_labels["clusters.seed2"]
    assert labels.motion_model == "motion.seed2"
    assert labels.seed == whole.pseudo_labels["clusters"].seed + 2000
    model = whole.appearance_models["appearance.seed2"]
    assert model.pseudo_labels == "clusters.seed2"
    assert model.training.seed == whole.appearance_models["appearance"].training.seed + 2000
    evaluation = whole.evaluations["motionfit.seed2"]
    assert evaluation.model == "appearance.seed2"
    own = whole.evaluations["motionfit"]
    assert evaluation.fine_tuning.seed == own.fine_tuning.seed + 2000
    for section in ("datasets", "flow"):
        assert getattr(whole, section) == getattr(config, section)
    for section in SECTIONS:
        assert getattr(whole, section).items() >= getattr(config, section).items()


def test_each_seed_has_its_own_labelled_part_which_its_copies_share():
    config = seeded(2, "motionfit")
    motion = config.motion_models["motion"].model_copy(update={"labelled_part": "few"})
    few = LabelledPart(label_fraction=0.5, label_seed=3)
    config = config.model_copy(
        update={"motion_models": {"motion": motion}, "labelled_parts": {"few": few}}
    )
    whole = with_seeds(config)
    assert whole.labels_of("motion").label_seed == 3
    assert whole.labels_of("motion.seed1").label_seed == 1003
    other = whole.evaluations["motionfit.seed1"]
    assert whole.labels_of_evaluation(other) == whole.labels_of("motion.seed1")


def test_a_copy_differs_only_in_its_seeds_and_references():
    whole = with_seeds(seeded(2, "motionfit"))
    own, copy = (
        whole.appearance_models[name].model_dump() for name in ("appearance", "appearance.seed1")
    )
    assert own.pop("pseudo_labels") + ".seed1" == copy.pop("pseudo_labels")
    assert own["training"].pop("seed") + 1000 == copy["training"].pop("seed")
    assert own == copy


def test_the_config_with_copies_is_valid():
    """All references of the copies exist."""
    whole = with_seeds(seeded(2, "motionfit", "random", "motion"))
    load_config(whole.model_dump(mode="json"))


def test_evaluations_of_one_model_share_its_copy():
    both = seeded(2, "motionfit", "motion")
    assert copies(both)["motion_models"] == {"motion.seed1"}
    assert copies(both)["evaluations"] == {"motionfit.seed1", "motion.seed1"}
    alone = copies(seeded(2, "random"))
    assert alone["appearance_models"] == {"random.seed1"}
    assert not alone["motion_models"]


def test_teachers_and_baselines_of_gains_have_copies_too():
    fine_tuning = {"layers": "all", "crop": 28, "mars": {"motion_model": "motion"}}
    evaluation = {"dataset": "demo-target", "clip_length": 8}
    mers = {
        "pseudo_labels": None,
        "mers": {"motion_model": "motion", "dataset": "demo-source"},
        "network": {"backbone": "r2plus1d_small", "clip_length": 8},
        "frame_size": [32, 40],
        "training": {"crop": 28},
    }
    config = seeded(
        2,
        "mars",
        "mers",
        appearance_models={"mers": mers},
        evaluations={
            "mars": {"model": "random", **evaluation, "fine_tuning": fine_tuning},
            "mers": {"model": "mers", **evaluation, "fine_tuning": {"crop": 28}},
        },
    )
    whole = with_seeds(config)
    assert whole.evaluations["mars.seed1"].fine_tuning.mars.motion_model == "motion.seed1"
    assert whole.appearance_models["mers.seed1"].mers.motion_model == "motion.seed1"
    assert whole.appearance_models["mers.seed1"].mers.dataset == "demo-source"
    (row,) = seeded(2, "motion").tables["t"].rows.values()
    table = config.tables["t"].model_copy(
        update={"rows": {"r": row.model_copy(update={"gain_over": "random"})}}
    )
    gained = config.model_copy(update={"tables": {"t": table}})
    assert copies(gained)["evaluations"] == {"motion.seed1", "random.seed1"}


@pytest.mark.parametrize(
    ("section", "name", "like"),
    [("evaluations", "motionfit.seed1", "random"), ("appearance_models", "motion.seed1", "random")],
)
def test_a_name_that_a_copy_would_have_is_refused(section, name, like):
    recipe = change("base", None)[section][like]
    config = seeded(2, "motionfit", **{section: {name: recipe}})
    with pytest.raises(MotionFitError, match=rf"\.{name}: this is the name of a copy"):
        with_seeds(config)


def test_one_seed_needs_no_copies():
    config = load_config(over_base(yaml.safe_load("{base: configs/demo-tables.yaml}"), ROOT))
    assert with_seeds(config) == config
