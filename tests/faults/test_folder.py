"""A run's folder that can't be written, and one that two Snakemakes want."""

import pytest

from tests.faults.disks import read_only
from tests.faults.disturbed import begins, copied, finished, started, told
from tests.faults.same import same_results

pytestmark = pytest.mark.long


def test_results_that_are_read_only_are_told_of_before_any_job(undisturbed, tmp_path):
    run = copied(undisturbed, tmp_path / "run", without="report")
    with read_only(run.file("")):
        assert run.plan().jobs == {"report": 1}
        text = told(run())
        assert f"{run.file('')} can't be written (Read-only file system)" in text
        assert "rule report" not in text
    finished(run())
    same_results(run, undisturbed)


def test_a_read_only_folder_of_a_run(undisturbed, tmp_path):
    """Snakemake can't plan there either: its records are in it."""
    run = copied(undisturbed, tmp_path / "run", without="report")
    with read_only(run.folder):
        for arguments in ((), ("--dry-run",)):
            assert ".snakemake can't be written (Read-only file system)" in told(run(*arguments))
    finished(run())
    same_results(run, undisturbed)


def test_a_second_snakemake_is_refused_and_the_first_goes_on(undisturbed, tmp_path):
    run = copied(undisturbed, tmp_path / "run", without="fine_tuning")
    begun = begins(run, "fine_tuning")
    with started(run) as first:
        first.until(begun)
        text = told(run())
        assert f"another snakemake runs in {run.folder}: wait until it ends" in text
        finished(first.wait())
    assert run.plan().nothing_to_do
    same_results(run, undisturbed)
