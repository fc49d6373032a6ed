"""Reading the CSV files that stages write. They may have been edited, or come from another machine,
so they are checked before anything is made of them."""

import csv
from collections.abc import Iterator, Mapping
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
        _check_rows(path)
        table = pd.read_csv(path, dtype=texts, keep_default_na=False, index_col=False)
    except FileNotFoundError:
        raise MotionFitError(f"there is no file {path}") from None
    except OSError as error:
        raise MotionFitError(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, csv.Error) as error:  # nothing in it, no UTF-8
        raise _no_table(path, str(error).strip()) from None
    if missing := [name for name in columns if name not in table.columns]:
        raise _no_table(path, f"it lacks the column(s) {', '.join(missing)}")
    for name in columns.keys() - texts.keys():
        kinds, called = NUMBERS[columns[name]]
        if len(table) and table[name].dtype.kind not in kinds:
            line, value = _first_that_is_none(path, name, columns[name])
            raise _no_table(path, f"line {line}: {name} should be {called}, not {value!r}")
    return table


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The line that each row ends in, and its fields."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        for fields in reader:
            yield reader.line_num, fields


def _check_rows(path: Path) -> None:
    """Raises ValueError where a row has another number of fields than the first, or a column comes
    twice: pandas would move the columns, fill in, or rename one."""
    names: list[str] = []
    for line, fields in _rows(path):
        names = names or fields
        if fields is names and (twice := [name for name in names if names.count(name) > 1]):
            raise ValueError(f"it has the column {twice[0]!r} twice")
        if len(fields) != len(names):
            raise ValueError(f"line {line}: {len(fields)} fields, and {len(names)} columns")


def _first_that_is_none(path: Path, name: str, kind: type) -> tuple[int, str]:
    """The line of the first field of a column that is no number, and what is there."""
    rows = _rows(path)
    place = next(rows)[1].index(name)
    for line, fields in rows:
        try:
            kind(fields[place])
        except ValueError:
            return line, fields[place]
    return 2, "numbers that are too large"


def _no_table(path: Path, what: str) -> MotionFitError:
    return MotionFitError(
        f"{path} is not as its stage writes it ({what}): delete it and run again to make it anew"
    )
