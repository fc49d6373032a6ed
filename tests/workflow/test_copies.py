"""Which jobs run again after a finished run was copied or lost a file, or after its videos were
missing for a while. Most tests look at the jobs of a dry run."""

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
    """A copy of the finished run without .snakemake. Its files have new dates in random order."""
    folder = tmp_path / "run"
    shutil.copytree(whole_run.folder, folder, ignore=shutil.ignore_patterns(".snakemake"))
    files = sorted(path for path in (folder / "results").rglob("*") if path.is_file())
    random.Random(0).shuffle(files)
    for i, path in enumerate(files):
        os.utime(path, (10**9 + i, 10**9 + i))
    return Run(folder)


def failed(run: Run, *arguments: str) -> str:
    """Runs Snakemake, asserts that it fails without a traceback, and returns its output."""
    outcome = run(*arguments)
    assert outcome.status != 0, outcome.text
    assert "Traceback" not in outcome.text, outcome.text
    return outcome.text


def test_a_copy_has_nothing_to_do(copied):
    assert copied.plan().nothing_to_do


def test_results_of_a_copy_that_do_not_match_the_config_are_made_again(copied):
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
                "duplicates",
                "motion_model",
                "motion_judgement",
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
            {
                "motion_model",
                "motion_judgement",
                "features",
                "pseudo_labels",
                "appearance_model",
                *EVERY_EVALUATION,
            },
            "training.epochs was 1, and is 2",
        ),
    ],
)
def test_every_change_of_the_config_is_noticed_in_a_copy(copied, key, value, jobs, reason):
    copied.change(set_key(key, value))
    plan = copied.plan()
    # If an index is made again, all jobs after it are listed, since its content is still unknown.
    assert plan.jobs.keys() == jobs or jobs == {"render_demo", "index"} < plan.jobs.keys()
    assert reason in plan.text


def test_results_that_were_replaced_by_those_of_another_config_are_made_again(run, tmp_path):
    """Snakemake's own metadata, in .snakemake, is still that of the old results."""
    labels = run.file("pseudo_labels/clusters/split1/labels.csv")
    record = record_path(str(labels))
    record.write_text(
        record.read_text()
        .replace('"clusters": 4', '"clusters": 9')
        .replace('"fingerprint": "', '"fingerprint": "x')
    )
    plan = run.plan()
    assert plan.jobs["pseudo_labels"] == 1
    assert "clusters was 9, and is 4" in plan.text


def test_a_result_without_a_record_is_refused_until_touch_accepts_it(copied):
    model = copied.file("models/motion/split1/model.pt")
    record_path(str(model)).unlink()
    copied.change(set_key("pseudo_labels/clusters/clusters", 5))
    text = failed(copied, "--dry-run")
    assert "results/models/motion/split1/model.pt has no record beside it" in text
    assert "snakemake --touch" in text
    assert model.is_file()
    outcome = copied("--touch")
    assert outcome.status == 0, outcome.text
    assert copied.plan().nothing_to_do  # --touch has accepted the labels for 5 clusters


def test_a_deleted_index_is_made_again_and_nothing_else(copied):
    copied.file("index/source.csv").unlink()
    plan = copied.plan()
    assert plan.jobs["index"] == 1
    assert "results/index/source.csv is made again: there is no result" in plan.text
    assert "Until it is made, all of them are listed" in plan.text
    assert rules_that_run(copied) == ["index"]
    assert copied.plan().nothing_to_do


def test_a_file_that_an_interrupted_job_left_missing_gives_a_warning(run):
    """For example, --forcerun started a job again, Snakemake deleted the result, and the job was
    killed."""
    features = run.file("features/motion/split1/source/0000.h5")
    assert features.is_file()
    features.unlink()
    assert run.plan().nothing_to_do  # no job needs the missing file
    write_json(record_path(str(features)), {"unfinished": True})
    assert "0000.h5 is missing, since the job that makes it was interrupted" in run.plan().text
    assert run.plan(str(features.relative_to(run.folder))).jobs == {"features": 1}


def rules_that_run(run: Run, *arguments: str) -> list[str]:
    """Rules of the jobs of a successful run, in order."""
    outcome = run(*arguments)
    assert outcome.status == 0, outcome.text
    rules = re.findall(r"^local(?:rule|checkpoint) (\w+):", outcome.text, re.MULTILINE)
    return [rule for rule in rules if rule != "all"]


@pytest.mark.parametrize("target", [(), ("results/evaluations/motionfit/metrics.json",)])
def test_another_k_is_planned_though_the_index_is_missing(run, target):
    run.file("index/source.csv").unlink()
    run.change(set_key("pseudo_labels/clusters/clusters", 5))
    jobs = run.plan(*target).jobs
    assert jobs["index"] == jobs["pseudo_labels"] == jobs["appearance_model"] == 1


@pytest.mark.long
def test_a_run_without_its_index_makes_only_what_another_k_changes(run):
    run.file("index/source.csv").unlink()
    run.change(set_key("pseudo_labels/clusters/clusters", 5))
    stages = ["index", "pseudo_labels", "appearance_model"]
    assert rules_that_run(run)[:3] == stages  # and not all the jobs of the plan
    assert run.plan().nothing_to_do


@pytest.mark.parametrize("folder_exists", [True, False])
def test_missing_videos_stop_a_run_and_keep_the_index(run, folder_exists):
    """If the disk with the videos is not mounted, the folder is empty or missing."""
    videos, index = run.folder / "videos", run.file("index/source.csv")
    before = index.read_bytes(), index.stat().st_mtime_ns
    shutil.move(videos, run.folder / "away")
    if folder_exists:
        (videos / "unlabelled").mkdir(parents=True)
    text = failed(run)
    assert "videos/unlabelled" in text
    assert "there is no" in text
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before
    shutil.rmtree(videos, ignore_errors=True)
    shutil.move(run.folder / "away", videos)
    assert run.plan().nothing_to_do


def test_a_mistake_in_the_annotations_keeps_the_old_index(run):
    index = run.file("index/source.csv")
    before = index.read_bytes()
    (run.folder / "labels.csv").write_text("path,label\nnowhere.mp4,\n")
    run.change(set_key("datasets/source/labels", "labels.csv"))
    text = failed(run)
    assert "the data set 'source' does not fit this config" in text
    assert "line 2: there is no video" in text
    assert index.read_bytes() == before


def test_results_depend_on_the_content_of_the_index_alone(run):
    names = sorted(path.name for path in (run.folder / "videos" / "unlabelled").glob("*.mp4"))
    labels = run.folder / "labels.csv"
    labels.write_text("path,label\n" + "".join(f"{name},\n" for name in names))
    run.change(set_key("datasets/source/labels", "labels.csv"))
    assert run.plan().jobs == {"report": 1}  # the annotations give the same index
    assert rules_that_run(run) == ["report"]
    labels.write_text("path,label\n" + "".join(f"{name},\n" for name in reversed(names)))
    assert run.plan().nothing_to_do
    labels.write_text("path,label,group\n" + "".join(f"{name},,one\n" for name in names))
    assert run.plan().jobs["index"] == 1


def test_a_missing_file_is_made_again_only_if_a_job_needs_it(run):
    """A shard of frames was deleted. Its flow is finished, and is not made again."""
    run.file("frames/source/16x24/0000.h5").unlink()
    assert run.plan().nothing_to_do
    run.change(set_key("appearance_models/appearance/training/seed", 1))
    assert run.plan().jobs == {"frames": 1, **SELF_TRAINED}


def test_a_missing_second_output_is_made_again_without_its_dependents(run):
    """The model that it is made from is missing too. Another profile gives the same plan."""
    folder = run.file("evaluations/motionfit/split1")
    (folder / "predictions.csv").unlink()
    (folder / "model.pt").unlink()
    target = "results/evaluations/motionfit/split1/predictions.csv"
    jobs = {"fine_tuning": 1, "recognition": 1}
    assert (
        run.plan(target).jobs == run.plan("--workflow-profile", "none", "--", target).jobs == jobs
    )


def test_missing_inputs_of_a_missing_report_are_made_again(run):
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


def test_missing_clips_are_made_again_if_the_report_is(run):
    run.file("frames/source/16x24/0000.h5").unlink()
    run.file("flow/source/tvl1/0001.h5").unlink()
    assert run.plan().nothing_to_do
    jobs = {"frames": 1, "flow": 1, "report": 1}
    run.change(set_key("pseudo_labels/clusters/percentile", 50))
    assert run.plan().jobs == jobs  # the report shows the whole config
    run.file("report/index.html").unlink()
    assert run.plan().jobs == jobs


@pytest.mark.long
def test_until_a_stage_needs_the_index_first(run):
    run.file("index/source.csv").unlink()
    text = failed(run, "--until", "features")
    assert "Run with `--until index` first" in text
    assert run.plan("--until", "index").jobs == {"index": 1}


def test_until_a_stage_plans_only_unfinished_jobs(run):
    run.file("pseudo_labels/clusters/split1/labels.csv").unlink()
    assert run.plan("--until", "pseudo_labels").jobs == {"pseudo_labels": 1}
    assert run.plan("--until", "features").nothing_to_do


def test_until_a_stage_of_which_another_file_is_missing(run):
    run.file("pseudo_labels/clusters/split1/centroids.npy").unlink()
    assert run.plan("--until", "pseudo_labels").jobs == {"pseudo_labels": 1}
