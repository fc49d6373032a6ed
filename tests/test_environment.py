"""Checks that all environments of the project have the same versions of packages."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def pinned(lines: list[str]) -> dict[str, str]:
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


def constraints() -> dict[str, str]:
    return pinned((ROOT / "constraints.txt").read_text().splitlines())


def requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    return project["dependencies"] + optional["dev"] + optional["export"] + optional["slurm"]


def test_constraints_have_exact_versions():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.+]*", line), line


def test_everything_required_is_pinned():
    assert set(requirements()) <= set(constraints())


def test_the_conda_environment_has_the_versions_of_the_constraints():
    environment = yaml.safe_load((ROOT / "envs" / "motionfit.yaml").read_text())
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    of_conda = pinned([line for line in pip if "==" in line])
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert set(of_conda) == set(dependencies)
    for name, version in of_conda.items():
        assert constraints()[name] == version, name
