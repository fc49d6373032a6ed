"""An artefact of a run, and what it is made from."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from motionfit.closure import code_version
from motionfit.digests import digest


@dataclass(frozen=True, eq=False)
class Artefact:
    """What one job makes, and all that it depends on."""

    rule: str
    """The rule that makes it, which is also the name of its stage."""
    wildcards: Mapping[str, Any]
    """The names and the split number that distinguish it from other artefacts of its rule."""
    path: str
    """The first file that the job writes. The other files, and the record, are beside it."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The part of the config that it depends on: options of the stage's command, by name."""
    code: tuple[str, ...] = ()
    """Modules whose code the job runs, with all that they import."""
    inputs: Mapping[str, "Input"] = field(default_factory=dict)
    """What the job reads, by the name that the rule gives it. `Inputs` finds each only on request,
    because some depend on an index that may not exist yet."""

    @cached_property
    def code_version(self) -> str:
        """A hash of the code that the job runs."""
        return code_version(*self.code)

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Name of an input to its fingerprint, for those whose content matters."""
        found = {name: read.fingerprint for name, read in self.inputs.items()}
        return {name: fingerprint for name, fingerprint in found.items() if fingerprint is not None}

    @cached_property
    def fingerprint(self) -> str:
        """A hash of options, code and inputs. The order of their keys does not matter."""
        values = {
            "options": self.options,
            "split": self.wildcards.get("split"),
            "code": self.code_version,
            "inputs": self.fingerprints,
        }
        return digest(json.dumps(values, sort_keys=True, ensure_ascii=False))

    @property
    def folder(self) -> str:
        return str(Path(self.path).parent)

    def beside(self, name: str) -> str:
        """Path of another file of the same job."""
        return f"{self.folder}/{name}"


@dataclass(frozen=True, eq=False)
class Input:
    """Files that a job reads under one name."""

    paths: tuple[str, ...]
    made_by: tuple[Artefact, ...] = ()
    """The artefacts that the files belong to. Files from outside have none."""
    get_fingerprint: Callable[[], str] | None = None
    """Computes the fingerprint. None if the result does not depend on their content, as for the
    ledger, which only has to exist."""

    @cached_property
    def fingerprint(self) -> str | None:
        return self.get_fingerprint() if self.get_fingerprint else None

    @property
    def folder(self) -> str:
        """The folder of the files, which are shards."""
        return str(Path(self.paths[0]).parent)


class Inputs(Mapping[str, Input]):
    """Inputs by name, each found on first access."""

    def __init__(self, finders: Mapping[str, Callable[[], Input]]):
        self._finders = finders
        self._found: dict[str, Input] = {}

    def __getitem__(self, name: str) -> Input:
        if name not in self._found:
            self._found[name] = self._finders[name]()
        return self._found[name]

    def __contains__(self, name: object) -> bool:
        return name in self._finders

    def __iter__(self) -> Iterator[str]:
        return iter(self._finders)

    def __len__(self) -> int:
        return len(self._finders)


def result_of(artefact: Artefact, name: str | None = None) -> Input:
    """The artefact's first file, or the file of that name beside it."""
    path = artefact.beside(name) if name else artefact.path
    return Input((path,), (artefact,), lambda: artefact.fingerprint)


def results_of(artefacts: Iterable[Artefact]) -> Input:
    """The first files of several artefacts."""
    artefacts = tuple(artefacts)
    return Input(
        tuple(artefact.path for artefact in artefacts),
        artefacts,
        lambda: digest(*(artefact.fingerprint for artefact in artefacts)),
    )


def from_outside(files: Iterable[Path], get_fingerprint: Callable[[], str]) -> Input:
    """Files that no job makes."""
    return Input(tuple(map(str, files)), (), get_fingerprint)


def reached(targets: Iterable[Artefact]) -> list[Artefact]:
    """The targets and all artefacts that they are made from, each once, in the order in which they
    are reached from the targets."""
    found: dict[str, Artefact] = {}
    waiting = list(targets)[::-1]
    while waiting:
        artefact = waiting.pop()
        if artefact.path not in found:
            found[artefact.path] = artefact
            before = [made for read in artefact.inputs.values() for made in read.made_by]
            waiting += before[::-1]
    return list(found.values())
