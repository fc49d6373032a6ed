"""Checks that imports go down the layers, so that a layer can be read and tested without those
above it."""

import ast
from pathlib import Path

import motionfit

ROOT = Path(motionfit.__file__).parent
LAYERS = [
    {"__main__"},
    {"cli"},
    {"stages", "estimate", "check", "jobs", "run_folder", "use", "init"},
    {"config_checks"},
    {"report"},
    {"tables", "graph"},
    {"duplicates", "evaluation", "pseudo_labels"},
    {"training"},
    {"inference"},
    {"clips", "flow", "models", "options", "seeds"},
    {"store"},
    {"datasets"},
    {"config", "records", "result_tables", "digests"},
    {"files", "yaml_files", "closure", "gpus", "interruption", "plots", "stage_names", "judgement"},
    {"errors", "terminal", "modality", "signals"},
]
"""Modules and packages of `motionfit`, from top to bottom. Those in one layer are independent."""


def imported(file: Path) -> set[str]:
    """The modules and packages of `motionfit` that a file imports, without `motionfit` itself."""
    units = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
            if node.module == "motionfit":
                modules = [f"motionfit.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        units |= {module.split(".")[1] for module in modules if module.startswith("motionfit.")}
    return units & {path.stem for path in ROOT.iterdir()}


def test_every_module_is_in_one_layer():
    units = {path.stem for path in ROOT.iterdir() if path.stem not in ("__init__", "__pycache__")}
    listed = [name for layer in LAYERS for name in layer]
    assert sorted(listed) == sorted(units)


def test_imports_go_down():
    layer_of = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    upward = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in ROOT.rglob("*.py")
        if (unit := file.relative_to(ROOT).parts[0].removesuffix(".py")) in layer_of
        for name in imported(file)
        if name != unit and layer_of[name] <= layer_of[unit]
    ]
    assert not upward
