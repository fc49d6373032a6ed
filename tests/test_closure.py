import ast
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from motionfit import closure
from motionfit.flow.methods import method_module


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


def reached(module: str, seen: set[str]) -> set[str]:
    tree = closure.parse(module)
    if tree is None or module in seen or module in closure.LEFT_OUT:
        return seen
    seen.add(module)
    for name in closure.imports(tree):
        reached(name, seen)
    return seen


def commands() -> dict[str, set[str]]:
    """Sub-command to the modules of the package that its function imports."""
    functions = {
        node.name.replace("_", "-"): node
        for node in closure.parse("motionfit.cli").body
        if isinstance(node, ast.FunctionDef)
    }
    return {
        name: {
            module.module
            for module in ast.walk(node)
            if isinstance(module, ast.ImportFrom) and module.module.startswith("motionfit.")
        }
        for name, node in functions.items()
    }


def rules() -> dict[str, tuple[str, str]]:
    """Rule to the module that its `code` is a hash of, and to its sub-command."""
    found = {}
    for file in sorted((Path(closure.__file__).parents[1] / "rules").glob("*.smk")):
        for text in re.split(r"^(?:rule|checkpoint) ", file.read_text(), flags=re.MULTILINE)[1:]:
            if "shell:" not in text:
                continue  # a target, of what other rules make
            code = re.search(r'code=code_version\("([\w.]+)"\)|code=(adapter|flow)_code', text)
            command = re.search(r"--log \{log:q\} ([a-z-]+)", text)
            # Those of the data set's own format and of the flow's own method are added by look-up.
            looked_up = {"adapter": "motionfit.datasets.index", "flow": "motionfit.flow.stage"}
            found[text.split(":")[0]] = (code[1] or looked_up[code[2]], command[1])
    return found


def test_the_code_of_every_rule_is_that_of_its_command():
    imported = commands()
    assert len(rules()) == 18
    for rule, (module, command) in rules().items():
        covered = reached(module, set())
        # The index's rule hashes the adapter of the data set's own format, not all of them.
        needed = imported[command] - {"motionfit.datasets"}
        assert needed <= covered | {"motionfit.datasets.index"}, rule


def test_the_code_of_flow_is_that_of_its_own_method():
    text = (Path(closure.__file__).parents[1] / "rules" / "common.smk").read_text()
    definition = re.search(r"^def flow_code.*?(?=\n\n\n)", text, re.DOTALL | re.MULTILINE)[0]
    hashed = []
    scope = {
        "code_version": lambda *modules: hashed.extend(modules),
        "method_module": method_module,
        "CONFIG": SimpleNamespace(flow={"name": SimpleNamespace(method="tvl1_gpu")}),
    }
    exec(definition, scope)
    scope["flow_code"](SimpleNamespace(flow="name"))
    covered = set().union(*(reached(module, set()) for module in hashed))
    assert {"motionfit.flow.stage", "motionfit.flow.tvl1_kernels"} <= covered
    assert not {"motionfit.flow.tvl1", "motionfit.flow.opencv", "motionfit.flow.dis"} & covered
    assert "motionfit.flow.opencv" not in reached("motionfit.flow.dis", set())


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
    assert "motionfit.training.loop" not in reached("motionfit.evaluation.recognition", set())
