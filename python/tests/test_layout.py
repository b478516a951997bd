"""The module beside what it repeats: the header's structures and constants, its stubs, the oldest Python that it is for."""

import ast
import ctypes
import os
import pathlib
import shutil
import subprocess

import pytest

import lfvec
from lfvec import _library, _structs

PACKAGE = pathlib.Path(lfvec.__file__).parent

STRUCTS = {"attr": _structs.CAttr, "recovery": _structs.CRecovery, "audit": _structs.CAudit, "stat": _structs.CStat}
STRUCTS.update(participant=_structs.CParticipant, part=_structs.CPart)
CONSTANTS = "CREATE EXCL RDONLY ANY_OWNER HUGEPAGES PREFAULT NUMA_LOCAL NUMA_INTERLEAVE NUMA_BIND BATCH_MAX".split()
CONSTANTS += "SLOT_FREE SLOT_ALIVE SLOT_STOPPED SLOT_DEAD SLOT_UNKNOWN".split()


def expectations():
    """Static assertions in C, one for each thing that the module repeats."""
    for name, struct in STRUCTS.items():
        yield "sizeof(struct lfvec_{}) == {}".format(name, ctypes.sizeof(struct))
        for field, kind in struct._fields_:
            where = "struct lfvec_{}, {}".format(name, field)
            yield "offsetof({}) == {}".format(where, getattr(struct, field).offset)
            yield "sizeof ((struct lfvec_{} *)0)->{} == {}".format(name, field, ctypes.sizeof(kind))
    for name in CONSTANTS:
        yield "LFVEC_{} == {}".format(name, getattr(_structs, name))


def test_the_header(tmp_path):
    include = os.environ.get("LFVEC_INCLUDE")
    compiler = os.environ.get("CC", "cc").split()
    if not include or not shutil.which(compiler[0]):
        pytest.skip("no header (LFVEC_INCLUDE) or no C compiler")
    lines = ["#include <lfvec.h>"] + ['_Static_assert({0}, "{0}");'.format(one) for one in expectations()]
    source = tmp_path / "layout.c"
    source.write_text("\n".join(lines) + "\n")
    done = subprocess.run(compiler + ["-std=c11", "-fsyntax-only", "-I" + include, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def stub_names(tree):
    """What the stub declares, and what in each class."""
    found = {}
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            found[node.name] = {part.name for part in getattr(node, "body", []) if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef))}
            fields = [part.target.id for part in getattr(node, "body", []) if isinstance(part, ast.AnnAssign)]
            found[node.name].update(fields)
        elif isinstance(node, ast.AnnAssign):
            found[node.target.id] = set()
    return found


def public_parts(kind):
    """What a class of the module has of its own, and of the bases that are the module's."""
    ours = [base for base in kind.__mro__ if base.__module__.startswith("lfvec")]
    return {part for base in ours for part in vars(base) if not part.startswith("_")} - {"vector"}


def test_the_stubs_declare_what_there_is():
    stubs = stub_names(ast.parse((PACKAGE / "__init__.pyi").read_text()))
    assert {name for name in stubs if not name.startswith("_") or name == "__version__"} == set(lfvec.__all__)
    for name in ("Vector", "Snapshot", "Lease", "LifoQueue", "TemporaryVector", "Audit", "Stat", "Participant", "Recovery"):
        kind = getattr(lfvec, name)
        there = public_parts(kind) | set(getattr(kind, "_fields", ()))
        stubs[name].update(stubs["Vector"] if name == "TemporaryVector" else ())
        declared = {part for part in stubs[name] if not part.startswith("__")} - {"vector"}
        assert declared == there
        assert all(hasattr(kind, part) for part in stubs[name] - {"vector"})


def test_everything_public_says_what_it_is_for():
    for name in lfvec.__all__:
        thing = getattr(lfvec, name)
        assert not callable(thing) or thing.__doc__
    for kind in (lfvec.Vector, lfvec.Lease, lfvec.LifoQueue, lfvec.Snapshot):
        for name in public_parts(kind) - {"version"}:
            assert getattr(kind, name).__doc__, name


def test_it_is_python_3_9():
    for path in PACKAGE.glob("*.py*"):
        if path.suffix in (".py", ".pyi"):
            ast.parse(path.read_text(), feature_version=(3, 9))


def test_nothing_of_the_library_is_forgotten():
    """Each function that is exported is used, or is left out on purpose: another form of one that is used, or for C alone."""
    listed = os.environ.get("LFVEC_EXPORTS")
    if not listed:
        pytest.skip("no list of exports (LFVEC_EXPORTS)")
    left_out = {"attach", "name", "push_sized", "pop_sized", "push_word", "pop_word", "get_sized", "set_sized", "region", "region_pages"}
    exported = {line.strip()[len("lfvec_") :] for line in pathlib.Path(listed).read_text().splitlines()}
    assert exported - set(_library._SHORT) - set(_library._LONG) == left_out
