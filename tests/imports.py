"""Finds the imports of modules of the package."""

from motionfit import closure


def reached(module: str, seen: set[str]) -> set[str]:
    """Adds the modules of the package that a module imports, directly or indirectly, to `seen`, and
    returns it."""
    tree = closure.parse(module)
    if tree is None or module in seen or closure.is_left_out(module):
        return seen
    seen.add(module)
    for name in closure.imports(tree):
        reached(name, seen)
    return seen
