"""The report reads the files that the graph declares as its inputs, and no others."""

import sys
from pathlib import Path

import h5py
import pytest
from fake_run import fake_benchmark, fake_run
from test_report import LABELS, every_kind, make_config, with_a_rich_table

from motionfit.config import Config, load_config
from motionfit.datasets.index import read_index
from motionfit.graph import Graph, indexed
from motionfit.report import write_report
from motionfit.seeds import with_seeds

noting: list[set[Path]] = []
"""The set that the audit hook adds files to. Empty when no test wants them: a hook cannot be
removed."""


def note(event: str, arguments: tuple) -> None:
    if noting and event == "open" and isinstance(arguments[0], str | Path):
        noting[0].add(Path(arguments[0]))


@pytest.fixture(scope="session")
def audit_hook():
    sys.addaudithook(note)


@pytest.fixture
def opened(audit_hook, monkeypatch):
    """The files that are opened during the test."""
    files = set()
    open_hdf5 = h5py.File.__init__

    def open_and_note(self, name, *arguments, **options):
        note("open", (name,))
        open_hdf5(self, name, *arguments, **options)

    monkeypatch.setattr(h5py.File, "__init__", open_and_note)  # HDF5 raises no audit events
    noting.append(files)
    yield files
    noting.clear()


def table_of_splits() -> Config:
    """A table of some splits reads the measures of these splits, not their means."""
    values = with_a_rich_table().model_dump(mode="json", exclude_unset=True)
    values["tables"]["rich"]["splits"] = [1]
    return load_config(values)


@pytest.mark.parametrize(
    "config",
    [make_config, every_kind, with_a_rich_table, table_of_splits],
    ids=lambda c: c.__name__,
)
def test_the_report_reads_what_the_graph_declares(config, tmp_path, opened):
    config, results = config(), tmp_path / "results"
    fake_run(with_seeds(config), results, LABELS, splits=2)
    fake_benchmark(results / "benchmarks" / "metrics" / "on.flow.tsv", 1.5, 300)
    opened.clear()
    write_report(config, results, tmp_path / "report.html")
    # Benchmark files are optional: a copied run may have none, and no rule has them as outputs.
    read = {
        str(path.relative_to(tmp_path))
        for path in opened
        if path.is_relative_to(results) and path.suffix != ".tsv"
    }
    graph = Graph(config, lambda name: indexed(read_index(results / "index" / f"{name}.csv")))
    inputs = graph.report().inputs
    declared = {path for files in inputs.values() for path in files.paths}
    assert read - declared == set()
    for name in ("metrics", "figures", "others", "clips"):
        kinds = {kind(path) for path in inputs[name].paths}
        assert kinds <= {kind(path) for path in read}


def kind(path: str) -> tuple[str, str]:
    """The folder below `results`, and the name of a file or, of a shard, its ending."""
    file = Path(path)
    return file.parts[1], file.suffix if file.suffix in (".h5", ".png") else file.name
