"""Reading the CSV files that stages write. They may have been edited, or come from another machine,
so they are checked before anything is made of them."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from motionfit.errors import MotionFitError

NUMBERS = {int: ("iu", "whole numbers"), float: ("iuf", "numbers")}
"""Type to the kinds of NumPy types that hold it, and its name."""


def read_table(path: Path, columns: Mapping[str, type]) -> pd.DataFrame:
    """A table with at least the `columns`, each of str, int or float; an empty text is ''.

    Raises MotionFitError where the file is missing, is no such table, or a number is none.
    """
    texts = {name: str for name, kind in columns.items() if kind is str}
    try:
        table = pd.read_csv(path, dtype=texts, keep_default_na=False)
    except FileNotFoundError:
        raise MotionFitError(f"there is no file {path}") from None
    except ValueError as error:  # nothing in it, odd rows, no UTF-8
        raise _no_table(path, str(error).strip()) from None
    if missing := [name for name in columns if name not in table.columns]:
        raise _no_table(path, f"it lacks the column(s) {', '.join(missing)}")
    for name in columns.keys() - texts.keys():
        kinds, called = NUMBERS[columns[name]]
        if len(table) and table[name].dtype.kind not in kinds:
            numbers = pd.to_numeric(table[name], errors="coerce")
            bad = numbers.isna() | (kinds == "iu") & (numbers % 1 != 0)
            line = int(bad.to_numpy().argmax())
            raise _no_table(
                path, f"line {line + 2}: {name} should be {called}, not {str(table[name][line])!r}"
            )
    return table


def _no_table(path: Path, what: str) -> MotionFitError:
    return MotionFitError(
        f"{path} is not as its stage writes it ({what}): delete it and run again to make it anew"
    )
