"""Finds the code that a stage runs, so that the stage runs again if this code changes, and only
then."""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent

# A stage's options count by their values, with all defaults (`motionfit.graph`). The code that
# describes and reads them does not affect what a stage computes, nor does what a log says of it.
LEFT_OUT = ("motionfit.config", "motionfit.options", "motionfit.judgement")


@cache
def code_version(*modules: str) -> str:
    """A hash of the code of the modules, and of all modules of the package that they import,
    directly or indirectly.

    The hash ignores comments, docstrings and formatting. It includes the templates and style sheets
    of a package.
    """
    code = reached(*modules)
    text = "\n".join(f"{name} {code[name]}" for name in sorted(code))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def reached(*modules: str) -> dict[str, str]:
    """The code of the modules, and of all modules of the package that they import, directly or
    indirectly, by name."""
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in found or (code := read(module)) is None:
            continue
        found[module], imported = code
        waiting += [name for name in imported if not is_left_out(name)]
    return found


def is_left_out(module: str) -> bool:
    """Whether no code version contains a module only because another module imports it."""
    return any(module == name or module.startswith(f"{name}.") for name in LEFT_OUT)


@cache
def read(module: str) -> tuple[str, list[str]] | None:
    """The code of a module of the package, as text without comments, and the names that it imports.
    None for any other name."""
    if (tree := parse(module)) is None:
        return None
    names = imports(tree)
    return ast.dump(without_docstrings(tree)) + data_files(module), names


def parse(module: str) -> ast.Module | None:
    """The syntax tree of a module of the package, or None for any other name."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if module.split(".")[0] == PACKAGE.name and file.is_file():
            return ast.parse(file.read_text(encoding="utf-8"))
    return None


def data_files(module: str) -> str:
    """Hashes of the templates and style sheets of a package, or '' for a module."""
    folder = PACKAGE.parent.joinpath(*module.split("."))
    files = [*sorted(folder.glob("*.html")), *sorted(folder.glob("*.css"))]
    return " ".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)


def imports(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return names


def without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [statement for statement in body if not is_text(statement)]
    return tree


def is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
