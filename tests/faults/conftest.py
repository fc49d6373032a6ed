from pathlib import Path

import pytest

from tests.faults.disturbed import finished, small_run
from tests.workflow.runs import Run, once


@pytest.fixture(scope="session")
def undisturbed(shared_folder) -> Run:
    """A finished run without any disturbance. Tests copy it, compare with it, and do not change
    it."""

    def make(folder: Path) -> None:
        finished(small_run(folder)())

    return Run(once(shared_folder / "undisturbed", make))
