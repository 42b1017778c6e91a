"""The table of what Node documents, and the tests that show each row of it.

`rows.tsv` has a line for every member, option, event and rule that the documentation of `http` and `https`
names (and of what they use of `events`, `stream`, `net`, `tls`, `timers` and `url`): its name, and the tests
that fail without it.
"""

from __future__ import annotations

import pathlib
import re

TESTS = pathlib.Path(__file__).parent
ROWS = [line.split('\t') for line in (TESTS / 'rows.tsv').read_text().splitlines()]


def names_in(path: pathlib.Path) -> set[str]:
    """Return the names of the tests of a file, as pytest gives them without parameters."""
    return {f'tests/{path.name}::{name}' for name in re.findall(r'^def (test_\w+)', path.read_text(), re.M)}


def test_the_tests_of_each_row_exist() -> None:
    there = set().union(*map(names_in, TESTS.glob('test_*.py')))
    assert [(row, test) for row, tests in ROWS for test in tests.split() if test not in there] == []


def test_each_row_is_there_once_and_has_a_test() -> None:
    names = [row for row, _ in ROWS]
    assert sorted(names) == names and len(set(names)) == len(names)
    assert [row for row, tests in ROWS if not tests] == []
