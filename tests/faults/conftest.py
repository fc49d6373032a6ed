from pathlib import Path

import pytest

from tests.faults.disturbed import finished, small_run
from tests.workflow.runs import Run, once


@pytest.fixture(scope="session")
def undisturbed(shared_folder) -> Run:
    """A run that nothing disturbed: not to be changed, but copied and compared with."""

    def make(folder: Path) -> None:
        finished(small_run(folder)())

    return Run(once(shared_folder / "undisturbed", make))
