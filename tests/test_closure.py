import ast

import pytest

from motionfit import closure
from motionfit.closure import reached


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
    """Clears the caches of the module."""
    closure.code_version.cache_clear()
    closure.read.cache_clear()


def version() -> str:
    forget()
    return closure.code_version("pack.a")


def test_only_directly_and_indirectly_imported_modules_count(package):
    before = version()
    (package / "d.py").write_text("y = 2\n")
    assert version() == before
    (package / "c.py").write_text("x = 2\n")
    assert version() != before


def test_files_of_editors_and_systems_do_not_count(package):
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


def test_modules_of_the_config_do_not_count(package, monkeypatch):
    monkeypatch.setattr(closure, "LEFT_OUT", ("pack.config",))
    (package / "config").mkdir()
    (package / "config" / "__init__.py").write_text("from pack.config.flow import Flow\n")
    (package / "config" / "flow.py").write_text("from pack import d\n\nFlow = d.y\n")
    (package / "configured.py").write_text("z = 1\n")
    for statement in (
        "from pack.config import Flow",
        "from pack.config.flow import Flow",
        "from pack import config",
        "import pack.config.flow",
    ):
        (package / "a.py").write_text(f"{statement}\nfrom pack import configured\n")
        before = version()
        for file, text in (
            ("config/__init__.py", "Flow = 2\n"),
            ("config/flow.py", "Flow = 3\n"),
            ("d.py", "y = 4\n"),
        ):
            kept = (package / file).read_text()
            (package / file).write_text(text)
            assert version() == before
            (package / file).write_text(kept)
        (package / "configured.py").write_text("z = 2\n")
        assert version() != before
        (package / "configured.py").write_text("z = 1\n")


def test_the_modules_that_are_left_out_exist():
    assert all(closure.parse(module) is not None for module in closure.LEFT_OUT)
    assert closure.is_left_out("motionfit.config.training")
    assert not closure.is_left_out("motionfit.configuration")


def test_comments_docstrings_and_formatting_do_not_count(package):
    before = version()
    (package / "b.py").write_text(
        '"""A docstring."""\nfrom pack import c\n\n\ndef f():\n    """Another."""\n'
        "    # A comment.\n    return (c.x)\n"
    )
    assert version() == before


def test_stages_do_not_depend_on_code_of_later_stages():
    """Otherwise a change of the training code would compute flow again."""
    assert isinstance(closure.parse("motionfit.flow.shards"), ast.Module)
    flow = reached("motionfit.flow.shards")
    assert not any(name.startswith(("motionfit.training", "motionfit.models")) for name in flow)
    motion = reached("motionfit.stages.motion_model")
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
        "motionfit.use.model",
        "motionfit.stages.features",
    ],
)
def test_inference_does_not_import_training_code(module):
    code = reached(module)
    assert "motionfit.inference" in code
    assert not any(name.startswith("motionfit.training") for name in code)
