"""What a finished run does again after it was copied, or lost a file, or its videos were away for a
while: shown on the job list of a dry run."""

import os
import random
import re
import shutil

import pytest

from motionfit.files import write_json
from motionfit.records import record_path
from tests.workflow.runs import Run, set_key
from tests.workflow.test_reruns import SELF_TRAINED

CLUSTERED = {"pseudo_labels": 1, **SELF_TRAINED}
EVERY_EVALUATION = {"fine_tuning", "recognition", "retrieval", "metrics", "report"}


@pytest.fixture
def copied(whole_run, tmp_path) -> Run:
    """A copy of the whole run without .snakemake, with new dates in an order that means nothing."""
    folder = tmp_path / "run"
    shutil.copytree(whole_run.folder, folder, ignore=shutil.ignore_patterns(".snakemake"))
    files = sorted(path for path in (folder / "results").rglob("*") if path.is_file())
    random.Random(0).shuffle(files)
    for i, path in enumerate(files):
        os.utime(path, (10**9 + i, 10**9 + i))
    return Run(folder)


def failed(run: Run, *arguments: str) -> str:
    outcome = run(*arguments)
    assert outcome.status != 0, outcome.text
    assert "Traceback" not in outcome.text, outcome.text
    return outcome.text


def test_a_copy_has_nothing_to_do(copied):
    assert copied.plan().nothing_to_do


def test_a_copy_does_not_pass_for_another_configs(copied):
    copied.change(set_key("pseudo_labels/clusters/clusters", 5))
    plan = copied.plan()
    assert plan.jobs == CLUSTERED
    assert "clusters was 4, and is 5" in plan.text


@pytest.mark.long
@pytest.mark.parametrize(
    ("key", "value", "jobs", "reason"),
    [
        (
            "evaluations/motionfit/clips",
            3,
            {"recognition", "retrieval", "metrics", "report"},
            "clips was 2, and is 3",
        ),
        (
            "frame_quality",
            80,
            {
                "frames",
                "ledger",
                "flow",
                "motion_model",
                "features",
                "pseudo_labels",
                "appearance_model",
                *EVERY_EVALUATION,
            },
            "quality was 95, and is 80",
        ),
        ("datasets/target/seed", 3, {"render_demo", "index"}, "seed was 0, and is 3"),
        (
            "motion_models/motion/training/epochs",
            2,
            {"motion_model", "features", "pseudo_labels", "appearance_model", *EVERY_EVALUATION},
            "training.epochs was 1, and is 2",
        ),
    ],
)
def test_a_copy_does_not_pass_for_whatever_config(copied, key, value, jobs, reason):
    copied.change(set_key(key, value))
    plan = copied.plan()
    # All that comes after an index is listed with it, before anybody knows what is in it.
    assert plan.jobs.keys() == jobs or jobs == {"render_demo", "index"} < plan.jobs.keys()
    assert reason in plan.text


def test_results_of_another_config_that_were_put_in_place_are_made_again(run, tmp_path):
    """Snakemake's own notes, in .snakemake, are still those of the results before."""
    of_other = run.file("pseudo_labels/clusters/split1/labels.csv")
    record = record_path(str(of_other))
    record.write_text(
        record.read_text()
        .replace('"clusters": 4', '"clusters": 9')
        .replace('"fingerprint": "', '"fingerprint": "x')
    )
    plan = run.plan()
    assert plan.jobs["pseudo_labels"] == 1
    assert "clusters was 9, and is 4" in plan.text


def test_a_result_of_unknown_origin_is_refused_until_somebody_vouches_for_it(copied):
    model = copied.file("models/motion/split1/model.pt")
    record_path(str(model)).unlink()
    copied.change(set_key("pseudo_labels/clusters/clusters", 5))
    text = failed(copied, "--dry-run")
    assert "results/models/motion/split1/model.pt has no record beside it" in text
    assert "snakemake --touch" in text
    assert model.is_file()
    outcome = copied("--touch")
    assert outcome.status == 0, outcome.text
    assert copied.plan().nothing_to_do  # with 5 clusters, as this is what was vouched for


def test_a_deleted_index_is_made_again_and_nothing_else(copied):
    copied.file("index/source.csv").unlink()
    plan = copied.plan()
    assert plan.jobs["index"] == 1
    assert "results/index/source.csv is made again: there is no result" in plan.text
    assert "Until it is made, all of them are listed" in plan.text
    assert rules_that_run(copied) == ["index"]
    assert copied.plan().nothing_to_do


def test_the_gap_that_an_interrupted_job_leaves_is_told(run):
    """As one that --forcerun started and a kill ended: Snakemake has deleted the result."""
    features = run.file("features/motion/split1/source/0000.h5")
    assert features.is_file()
    features.unlink()
    assert run.plan().nothing_to_do  # a gap
    write_json(record_path(str(features)), {"unfinished": True})
    assert "0000.h5 is missing, since the job that makes it was interrupted" in run.plan().text
    assert run.plan(str(features.relative_to(run.folder))).jobs == {"features": 1}


def rules_that_run(run: Run, *arguments: str) -> list[str]:
    """Rules of the jobs of a run that ends well, in order."""
    outcome = run(*arguments)
    assert outcome.status == 0, outcome.text
    rules = re.findall(r"^local(?:rule|checkpoint) (\w+):", outcome.text, re.MULTILINE)
    return [rule for rule in rules if rule != "all"]


@pytest.mark.parametrize("target", [(), ("results/evaluations/motionfit/metrics.json",)])
def test_with_another_k_and_no_index_what_depends_on_it_is_planned(run, target):
    run.file("index/source.csv").unlink()
    run.change(set_key("pseudo_labels/clusters/clusters", 5))
    jobs = run.plan(*target).jobs
    assert jobs["index"] == jobs["pseudo_labels"] == jobs["appearance_model"] == 1


@pytest.mark.long
def test_a_run_without_its_index_makes_what_another_k_changes(run):
    run.file("index/source.csv").unlink()
    run.change(set_key("pseudo_labels/clusters/clusters", 5))
    stages = ["index", "pseudo_labels", "appearance_model"]
    assert rules_that_run(run)[:3] == stages  # and not all that is listed while there is none
    assert run.plan().nothing_to_do


@pytest.mark.parametrize("mounted", [True, False])
def test_videos_that_are_away_for_a_while(run, mounted):
    """A disk that is not mounted leaves an empty folder, or none."""
    videos, index = run.folder / "videos", run.file("index/source.csv")
    before = index.read_bytes(), index.stat().st_mtime_ns
    shutil.move(videos, run.folder / "away")
    if mounted:
        (videos / "unlabelled").mkdir(parents=True)
    text = failed(run)
    assert "videos/unlabelled" in text
    assert "there is no" in text
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before
    shutil.rmtree(videos, ignore_errors=True)
    shutil.move(run.folder / "away", videos)
    assert run.plan().nothing_to_do


def test_a_mistake_in_the_annotations_leaves_the_old_index(run):
    index = run.file("index/source.csv")
    before = index.read_bytes()
    (run.folder / "labels.csv").write_text("path,label\nnowhere.mp4,\n")
    run.change(set_key("datasets/source/labels", "labels.csv"))
    text = failed(run)
    assert "the data set 'source' does not fit this config" in text
    assert "line 2: there is no video" in text
    assert index.read_bytes() == before


def test_what_depends_on_an_index_depends_on_its_content(run):
    names = sorted(path.name for path in (run.folder / "videos" / "unlabelled").glob("*.mp4"))
    labels = run.folder / "labels.csv"
    labels.write_text("path,label\n" + "".join(f"{name},\n" for name in names))
    run.change(set_key("datasets/source/labels", "labels.csv"))
    assert run.plan().jobs == {"report": 1}  # the same index by another way
    assert rules_that_run(run) == ["report"]
    labels.write_text("path,label\n" + "".join(f"{name},\n" for name in reversed(names)))
    assert run.plan().nothing_to_do
    labels.write_text("path,label,group\n" + "".join(f"{name},,one\n" for name in names))
    assert run.plan().jobs["index"] == 1


def test_a_gap_is_filled_where_it_is_needed_and_nothing_else_is_made_again(run):
    """A damaged shard of frames that was deleted: its flow is finished, and stays."""
    run.file("frames/source/16x24/0000.h5").unlink()
    assert run.plan().nothing_to_do
    run.change(set_key("appearance_models/appearance/training/seed", 1))
    assert run.plan().jobs == {"frames": 1, **SELF_TRAINED}


def test_a_file_that_is_missing_is_made_again_alone(run):
    """Of a result's other files, with what it is made from missing too; and by another profile."""
    folder = run.file("evaluations/motionfit/split1")
    (folder / "predictions.csv").unlink()
    (folder / "model.pt").unlink()
    target = "results/evaluations/motionfit/split1/predictions.csv"
    jobs = {"fine_tuning": 1, "recognition": 1}
    assert (
        run.plan(target).jobs == run.plan("--workflow-profile", "none", "--", target).jobs == jobs
    )


def test_the_report_is_made_whatever_it_reads_is_missing(run):
    missing = [
        "frames/source/16x24/failed.csv",
        "pseudo_labels/clusters/split1/quality.json",
        "models/motion/split1/history.csv",
        "report/index.html",
    ]
    for name in missing:
        run.file(name).unlink()
    jobs = {"ledger": 1, "pseudo_labels": 1, "motion_model": 1, "report": 1}
    assert run.plan().jobs == jobs


@pytest.mark.long
def test_until_a_stage_whose_jobs_are_not_known_yet(run):
    run.file("index/source.csv").unlink()
    text = failed(run, "--until", "features")
    assert "Run with `--until index` first" in text
    assert run.plan("--until", "index").jobs == {"index": 1}


def test_until_a_stage_of_which_all_that_comes_before_is_finished(run):
    run.file("pseudo_labels/clusters/split1/labels.csv").unlink()
    assert run.plan("--until", "pseudo_labels").jobs == {"pseudo_labels": 1}
    assert run.plan("--until", "features").nothing_to_do
