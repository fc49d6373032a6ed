import ast

import pytest

from motionfit import closure
from tests.imports import reached


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "a.py").write_text("import numpy\nfrom pack.b import f\n")
    (folder / "b.py").write_text("from pack import c\n\ndef f():\n    return c.x\n")
    (folder / "c.py").write_text("x = 1\n")
    (folder / "d.py").write_text("y = 1\n")
    monkeypatch.setattr(closure, "PACKAGE", folder)
    forget()
    yield folder
    forget()


def forget() -> None:
    """What an earlier look has kept."""
    closure.code_version.cache_clear()
    closure.read.cache_clear()


def version() -> str:
    forget()
    return closure.code_version("pack.a")


def test_an_imported_module_counts_however_far_and_another_does_not(package):
    before = version()
    (package / "d.py").write_text("y = 2\n")
    assert version() == before
    (package / "c.py").write_text("x = 2\n")
    assert version() != before


def test_what_an_editor_or_a_system_leaves_does_not_count(package):
    before = version()
    for name in (".b.py.swp", ".DS_Store", "b.py.orig", "b.py~"):
        (package / name).write_text("anything")
    assert version() == before


def test_a_template_of_a_package_counts(package):
    (package / "a.py").write_text("from pack.sub import g\n")
    (package / "sub").mkdir()
    (package / "sub" / "__init__.py").write_text("g = 1\n")
    (package / "sub" / "page.html").write_text("one")
    before = version()
    (package / "sub" / "page.html").write_text("two")
    assert version() != before


def test_comments_docstrings_and_formatting_do_not_count(package):
    before = version()
    (package / "b.py").write_text(
        '"""A docstring."""\nfrom pack import c\n\n\ndef f():\n    """Another."""\n'
        "    # A comment.\n    return (c.x)\n"
    )
    assert version() == before


def test_no_stage_depends_on_one_it_should_not():
    """Else a change of training would recompute flow."""
    assert isinstance(closure.parse("motionfit.flow.stage"), ast.Module)
    flow = reached("motionfit.flow.stage", set())
    assert not any(name.startswith(("motionfit.training", "motionfit.models")) for name in flow)
    motion = reached("motionfit.training.motion_model", set())
    assert "motionfit.training.loop" in motion
    assert not any(
        name.startswith(("motionfit.pseudo_labels", "motionfit.evaluation", "motionfit.flow."))
        for name in motion
    )


@pytest.mark.parametrize(
    "module",
    [
        "motionfit.evaluation.recognition",
        "motionfit.evaluation.retrieval",
        "motionfit.evaluation.predict",
        "motionfit.pseudo_labels.features",
    ],
)
def test_using_a_model_needs_no_code_of_its_training(module):
    code = reached(module, set())
    assert "motionfit.inference" in code
    assert not any(name.startswith("motionfit.training") for name in code)
