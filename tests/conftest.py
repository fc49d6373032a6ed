import os
import signal
from pathlib import Path

import pytest

# Idle threads of PyTorch sleep. By default they spin, which is most of the CPU time of a small run.
# PyTorch reads the variable when it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell has the processes that it starts in the background ignore Ctrl-C, and theirs too.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """Third-party clips and official split files, which are not part of this repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the test data: clips and split files (missing: {SHARED_DATA})")
    return SHARED_DATA


@pytest.fixture
def shared_cases() -> Path:
    """Small videos of unusual kinds, which are not part of this repository."""
    folder = SHARED_DATA.with_name("cases")
    if not folder.is_dir():
        pytest.skip(f"needs the videos of unusual kinds (missing: {folder})")
    return folder


@pytest.fixture(scope="session")
def shared_paper() -> Path:
    """The paper's text and figures, which are not part of this repository."""
    folder = SHARED_DATA.with_name("paper")
    if not folder.is_dir():
        pytest.skip(f"needs the paper's figures (missing: {folder})")
    return folder


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory) -> Path:
    """A folder that all test processes share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs the tests of the workflow first, and of these the longest one, so that all test
    processes end at about the same time."""
    items.sort(key=lambda item: ("workflow" not in item.path.parts, item.path.stem != "test_rows"))
