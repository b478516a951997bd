"""The programs in README.md run as they stand there."""

import pathlib
import re

import pytest

import lfvec

README = pathlib.Path(__file__).parent.parent / "README.md"


def blocks():
    return re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def renamed(block, name):
    return re.sub(r'"/[a-z]+"', repr(name), block)


def test_the_first_program(name, capsys):
    exec(renamed(blocks()[0], name), {})
    assert capsys.readouterr().out == "9 10 41 [6, 7, 8]\n"


def test_the_arrays(name):
    pytest.importorskip("numpy")
    variables = {"lfvec": lfvec}
    exec(renamed(blocks()[1], name), variables)
    assert 0.4 < variables["mean"] < 0.6 and variables["n"] == 1000


def test_the_tasks():
    variables = {"lfvec": lfvec}
    exec(blocks()[2], variables)
    assert variables["total"] == 500


def test_every_error_is_in_the_table():
    text = README.read_text(encoding="utf-8")
    for name in lfvec.__all__:
        if name.endswith("Error") and name != "Error":
            assert "| `{}` |".format(name) in text
