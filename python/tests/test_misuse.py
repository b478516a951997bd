"""What must be refused, and in which words: nothing is taken for something else, cut off or waited for without end."""

import array
import contextlib
import gc
import math
import os
import pickle
import shutil
import subprocess
import sys
import threading
import tracemalloc

import pytest

import lfvec


@pytest.mark.parametrize("take", [lambda v: v.pop(0), lambda v: v.pop(-1), lambda v: v.__delitem__(0), lambda v: v.__delitem__(slice(1))])
def test_only_the_last_is_removed(v, take):
    v.extend([1, 2])
    with pytest.raises(TypeError, match="end|last"):
        take(v)
    assert v[:] == [1, 2]


def test_a_fifo_is_no_segment(v):
    os.mkfifo("/dev/shm" + v.name + "-fifo")
    try:
        for how in ({}, {"readonly": True, "create": False}, {"create": False}, {"exclusive": True}):
            with pytest.raises(lfvec.DamagedError, match="is a FIFO"):
                lfvec.Vector(v.name + "-fifo", **how)
    finally:
        os.unlink("/dev/shm" + v.name + "-fifo")


def test_timeouts(v):
    for wrong, kind in ((math.nan, ValueError), ("1", TypeError), (-1, ValueError), (-1e-12, ValueError), (-math.inf, ValueError)):
        with pytest.raises(kind):
            v.pop_wait(wrong)
    for none in (0, -0.0, 1e-12):
        with pytest.raises(lfvec.TimeoutError):
            v.pop_wait(none)
    for long in (math.inf, 1e300, 2**63):
        pusher = threading.Timer(0.02, v.push, [5])
        pusher.start()
        assert v.pop_wait(long) == 5
        pusher.join()


def test_counts(v):
    for wrong, kind in ((-1, ValueError), (None, TypeError), (1.5, TypeError)):
        for call in (v.reserve, v.pop_n, lambda n: v.get_n(0, n)):
            with pytest.raises(kind):
                call(wrong)
    with pytest.raises(lfvec.FullError):
        v.reserve(2**64)
    v.extend([1, 2])
    assert v.get_n(0, 2**70) == [1, 2] and v.pop_n(2**70) == [2, 1] and v.pop_n(0) == []


def test_a_slice_is_replaced_or_not(v):
    v.extend([1, 2, 3])
    with pytest.raises(Exception):
        v[:] = [7, 8, -9]
    assert v[:] == [1, 2, 3]
    v[:] = v
    v[::-1] = (x for x in (7, 8, 9))
    assert v[:] == [9, 8, 7]


def test_names(name):
    lfvec.Vector(name).close()
    for wrong in (name + "\0x", os.fsencode(name) + b"\0"):
        with pytest.raises(ValueError, match="null"):
            lfvec.Vector(wrong)
        with pytest.raises(ValueError, match="null"):
            lfvec.unlink(wrong)
    with lfvec.Vector(os.fsencode(name), create=False) as v:
        assert v.name == name
    for wrong in (None, 5):
        with pytest.raises(TypeError):
            lfvec.Vector(wrong)


def test_what_contradicts_itself(name, v):
    for wrong in (dict(create=False), dict(readonly=True)):
        with pytest.raises(ValueError):
            lfvec.Vector(name + "-other", exclusive=True, **wrong)
    with pytest.raises(TypeError):
        v.__init__(name)
    v.push(1)
    assert v[0] == 1


def test_what_was_never_attached(v):
    bare = lfvec.Vector.__new__(lfvec.Vector)
    for call in (bare.pop, lambda: bare.push(b"x"), lambda: len(bare), lambda: bare[0], lambda: bare.set(0, b"x"), bare.clear):
        with pytest.raises(ValueError, match="closed"):
            call()


def test_strings_are_not_cut(name):
    with lfvec.Vector(name, "4s") as v:
        v.push(b"ab")
        for wrong in (lambda: v.push(b"abcde"), lambda: v.extend([b"abcd", b"abcde"]), lambda: v.set(0, bytearray(5))):
            with pytest.raises(ValueError):
                wrong()
        assert list(v) == [b"ab\0\0"]
    lfvec.unlink(name)
    with lfvec.Vector(name, "Q 2i 3s x p 2s") as v:
        v.push((1, 2, 3, b"abc", b"", b"de"))
        for wrong in ((1, 2, 3, b"abcd", b"", b"de"), (1, 2, 3, b"abc", b"x", b"de"), (1, 2, 3, b"abc", b"", b"def")):
            with pytest.raises(ValueError):
                v.push(wrong)
            with pytest.raises(ValueError):
                v.extend([wrong])
        assert list(v) == [(1, 2, 3, b"abc", b"", b"de")]


def test_several_numbers_are_not_one(v):
    pairs = memoryview(array.array("I", range(6))).cast("B").cast("I", (3, 2))
    with pytest.raises(TypeError, match="rows"):
        v.extend(pairs)
    np = pytest.importorskip("numpy")
    for wrong in (np.zeros(2, np.complex64), np.zeros((2, 2), np.uint32), np.uint64(5), np.array(5, np.uint64), np.ones(8, bool)):
        with pytest.raises(TypeError):
            v.extend(wrong)
    v.extend(np.zeros((3, 4), np.uint64))
    v.extend(np.zeros(0, np.uint64))
    assert len(v) == 12


def test_no_room_is_room_for_nothing(v):
    v.push(1)
    assert v.pop_into(bytearray()) == v.get_into(bytearray()) == 0 and v.get_n(0, 0) == v.pop_n(0) == [] and v.extend(b"") is None
    v.snapshot_into(bytearray())
    assert len(v) == 1


def test_a_snapshot_goes_through_pickle(name):
    for form, element in (("Q", 5), ("Id", (1, 0.5)), (bytes, b"12345678")):
        with lfvec.Vector(name, form) as v:
            v.push(element)
            again = pickle.loads(pickle.dumps(v.snapshot()))
            assert list(again) == [element] and again.version == 1 and again == v.snapshot()
        lfvec.unlink(name)


def test_collected_is_closed_and_not_removed(name):
    v = lfvec.Vector(name)
    v.push(1)
    del v
    gc.collect()
    with lfvec.Vector(name, create=False) as v:
        assert v.participants() == [] and v[:] == [1]


def test_of_another_library():
    """One that is no lfvec, or lacks a function: said at import, with what to do."""
    done = subprocess.run([sys.executable, "-c", "import lfvec"], env=dict(os.environ, LFVEC_LIBRARY="libc.so.6"), capture_output=True, timeout=60)
    assert done.returncode == 1 and b"ImportError" in done.stderr and b"libc.so.6" in done.stderr and b"LD_LIBRARY_PATH" in done.stderr


PROGRAM = """
import lfvec
from typing import List

with lfvec.Vector("/typed", "Q", max_slots=5) as v:
    at: int = v.push(1)
    first = v.extend([1, 2])
    at = first or 0
    some: List[int] = v[1:2]
    v[0] = 5
    n: int = v.stat().size + v.check().elements + v.recover().slots_alive + v.snapshot().version
    with v.lease() as x:
        print(x, v.closed, v.cas(0, 1, 2)[0])
    w: lfvec.Vector[int] = v
    with lfvec.TemporaryVector[float]("d") as t, t.hold() as half:
        y: float = half + t.pop() + t.snapshot()[0]
    n = lfvec.LifoQueue(w).get(timeout=1) + w.count(5)
    lfvec.Vector("/typed", bytes).push(b"12345678")
    some = list(w) + [x for x in lfvec.Vector.existing("/typed", int)]

    async def wait(v: lfvec.Vector[int]) -> int:
        with await v.hold_async(1) as x:
            return x + await v.pop_async()

lfvec.unlink("/typed", missing_ok=True)
"""


def test_types(tmp_path):
    """A program with types passes mypy, and one that misuses the module does not."""
    if not shutil.which("mypy"):
        pytest.skip("no mypy")
    environment = dict(os.environ, MYPYPATH=os.path.dirname(os.path.dirname(lfvec.__file__)))
    environment.pop("PYTHONPATH", None)  # the program's Python need not be this one
    wrong = ["v.pop(0)", "v.append(1)", "w.push('x')", "lfvec.Vector('/x', bytes).push(1)", "del v[0]", "v.pop_wait('1')", "lfvec.Vector()", "lfvec.Vector('/x', 'Q', mode='0600')"]
    for text, status in [(PROGRAM, 0)] + [(PROGRAM + line + "\n", 1) for line in [" ; ".join(wrong)]]:
        source = tmp_path / "program.py"
        source.write_text(text)
        command = ["mypy", "--strict", "--python-version", "3.9", "--cache-dir", str(tmp_path / "cache"), str(source)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
        assert done.returncode == status, done.stdout + done.stderr
    assert done.stdout.count(" error: ") == len(wrong), done.stdout


@pytest.mark.parametrize("take", [lambda v: v.snapshot(), list, lambda v: v.get_n(0, 1 << 30), lambda v: v.pop_n(1 << 30), lambda v: v[:]])
def test_no_memory_by_a_damaged_size(v, take):
    """The size is a word in the segment: what it says beyond what the segment can hold is not taken from this process."""
    v.extend(range(100))
    with open("/dev/shm" + v.name, "r+b") as image:
        image.seek(4096 + 8)
        size = int.from_bytes(image.read(8), "little")
        image.seek(4096 + 8)
        image.write((size + (1 << 32)).to_bytes(8, "little"))
    tracemalloc.start()
    with contextlib.suppress(lfvec.DamagedError):  # get_n() returns those before the damage
        take(v)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 << 20
