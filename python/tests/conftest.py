"""What every test has: names that nobody else uses, and the list of results that tests/python/python.sh counts."""

import itertools
import os

import pytest

import lfvec

_numbers = itertools.count()


@pytest.fixture
def name():
    """A name for a segment, which is removed afterwards."""
    made = "/lfvec-python-{}-{}".format(os.getpid(), next(_numbers))
    yield made
    lfvec.unlink(made, missing_ok=True)


@pytest.fixture
def v(name):
    """An empty vector of integers."""
    with lfvec.Vector(name) as made:
        yield made


def _result(report):
    """The line on one report of pytest's, or None for what is no result."""
    if report.skipped:
        return "skip - {}: {}".format(report.nodeid, report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if report.failed:
        return "not ok - {}".format(report.nodeid)
    return "ok - {}".format(report.nodeid) if report.when == "call" else None


def pytest_runtest_logreport(report):
    path, line = os.environ.get("LFVEC_PYTEST_RESULTS"), _result(report)
    if path and line:
        with open(path, "a", encoding="utf-8") as results:
            results.write(line.replace("\n", " ") + "\n")
