from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """Third-party clips and official split files, which are not part of this repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the test data: clips and split files (not there: {SHARED_DATA})")
    return SHARED_DATA


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The workflow's tests take longest and share a run of Snakemake: they begin first, in one of
    the processes that share the tests."""
    for item in items:
        if "workflow" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group("workflow"))
    items.sort(key=lambda item: "workflow" not in item.path.parts)
