"""The artefacts of every config that is shipped are those of the recorded lists in `planned/`.

After a change that is meant to change them: `python -m tests.graph.test_planned`, and look at the
difference.
"""

from pathlib import Path

import pytest
import yaml

from motionfit.config import load_config, over_base
from motionfit.digests import digest
from motionfit.graph import Artefact, Graph, reached

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ["config.yaml", *sorted(f"configs/{p.name}" for p in (ROOT / "configs").glob("*.yaml"))]


def planned(config: str) -> list[str]:
    """The first file of each artefact of a run, with the names of its inputs and a digest of their
    paths. One shard stands for all of a data set."""
    values = yaml.safe_load((ROOT / config).read_text())
    graph = Graph(load_config(over_base(values, ROOT)))
    artefacts = reached(graph.targets())
    return sorted(
        f"{artefact.path}: {', '.join(artefact.inputs)} {digest_of_paths(artefact)}"
        for artefact in artefacts
    )


def digest_of_paths(artefact: Artefact) -> str:
    return digest(*(path for read in artefact.inputs.values() for path in read.paths))[:8]


def recorded(config: str) -> Path:
    return Path(__file__).parent / "planned" / f"{Path(config).stem}.txt"


@pytest.mark.parametrize("config", CONFIGS)
def test_a_shipped_config_plans_what_is_recorded(config):
    assert planned(config) == recorded(config).read_text().splitlines()


if __name__ == "__main__":
    for config in CONFIGS:
        recorded(config).write_text("\n".join(planned(config)) + "\n")
