"""The folder of a run is read-only, or two Snakemakes use it."""

import pytest

from tests.faults.disks import read_only
from tests.faults.disturbed import begins, copied, failure, finished, started
from tests.faults.same import same_results

pytestmark = pytest.mark.long


def test_read_only_results_are_reported_before_any_job(undisturbed, tmp_path):
    run = copied(undisturbed, tmp_path / "run", without="report")
    with read_only(run.file("")):
        assert run.plan().jobs == {"report": 1}
        text = failure(run())
        assert f"{run.file('')} can't be written (Read-only file system)" in text
        assert "rule report" not in text
    finished(run())
    same_results(run, undisturbed)


def test_a_read_only_folder_of_a_run_is_reported(undisturbed, tmp_path):
    """Snakemake can't even plan there, since it writes its metadata to the folder."""
    run = copied(undisturbed, tmp_path / "run", without="report")
    with read_only(run.folder):
        for arguments in ((), ("--dry-run",)):
            assert ".snakemake can't be written (Read-only file system)" in failure(run(*arguments))
    finished(run())
    same_results(run, undisturbed)


def test_a_second_snakemake_is_refused_and_the_first_goes_on(undisturbed, tmp_path):
    run = copied(undisturbed, tmp_path / "run", without="fine_tuning")
    begun = begins(run, "fine_tuning")
    with started(run) as first:
        first.until(begun)
        text = failure(run())
        assert f"another snakemake runs in {run.folder}: wait until it ends" in text
        finished(first.wait())
    assert run.plan().nothing_to_do
    same_results(run, undisturbed)
