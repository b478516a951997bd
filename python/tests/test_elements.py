"""Single elements: formats, indexes, slices, the attempts that fail."""

import errno
import os
import struct

import pytest

import lfvec


def test_push_pop_get_set(v):
    assert v.push(41) == 0 and v.push(42) == 1
    assert len(v) == 2 and v[0] == v.get(0) == 41 and v[-1] == 42
    v[0] = 7
    v.set(-1, 8)
    assert v.pop() == 8 and v.pop() == 7 and len(v) == 0 and not v


def test_the_ends_of_the_range(v):
    v.push(2**64 - 1)
    assert v.pop() == 2**64 - 1
    for wrong in (-1, 2**64, 1.5, "x"):
        with pytest.raises(Exception):
            v.push(wrong)
    assert len(v) == 0


@pytest.mark.parametrize(
    "form, value",
    [
        ("Q", 2**63),
        ("q", -5),
        (">I", 0x01020304),
        ("<H", 65535),
        ("b", -128),
        ("?", True),
        ("d", 0.1),
        ("f", 0.5),
        ("16s", b"0123456789abcdef"),
        ("IIf", (1, 2, 0.5)),
        ("<Q8s", (3, b"eight by")),
        ("2q", (-1, 1)),
        ("Qxxxx", 9),
    ],
)
def test_struct_formats(name, form, value):
    with lfvec.Vector(name, form) as v:
        v.push(value)
        v.extend([value] * 3)
        v.extend([])
        assert list(v) == [value] * 4 == v[:] == v.get_n(0, 9) and v[0] == value and v.format == form
        v[2] = value
        assert v.pop_n(2) == [value] * 2 and v.pop() == value and v.pop_wait(0) == value
        assert list(v) == v[:] == v.pop_n(5) == []


VALUES = [0, 1, -1, True, False, None, 0.0, -0.0, 0.5, 1e300, -1e39, 3.4028235677973366e38, float("inf"), float("-inf"), "x", b"", b"x", b"xyz", (1,), [1, 2], object()]
VALUES += [sign * 2**bits + off for sign in (1, -1) for bits in (7, 8, 15, 16, 31, 32, 63, 64, 200) for off in (-1, 0, 1)]


@pytest.mark.parametrize("form", [order + code for order in ("", "<", ">", "=") for code in "bBhHiIlLqQfd?"] + ["n", "N", "e", "3s", "xB", "Bx", "2h"])
def test_every_value_is_taken_as_struct_takes_it(name, form):
    """Whether by the extension or not: what struct makes of a value, or the exception that it raises."""
    with lfvec.Vector(name, form) as v:
        v.push(struct.unpack(form, bytes(v.elem_size)) if form == "2h" else struct.unpack(form, bytes(v.elem_size))[0])
        for value in VALUES:
            try:
                wanted = struct.unpack(form, struct.pack(form, *value) if form == "2h" else struct.pack(form, value))
                wanted = wanted if form == "2h" else wanted[0]
            except Exception as failure:
                for call in (v.push, lambda x: v.set(0, x)):
                    with pytest.raises((type(failure), ValueError)):
                        call(value)
                assert len(v) == 1
            else:
                v[0] = value
                v.push(value)
                for got in (v[-1], v.pop(), v.get(0)):
                    assert repr(got) == repr(wanted)


def test_bytes(name):
    with lfvec.Vector(name, bytes, elem_size=3) as v:
        v.push(b"abc")
        v.extend([bytearray(b"def"), memoryview(b"ghi")])
        v.extend(b"jklmno")
        assert list(v) == [b"abc", b"def", b"ghi", b"jkl", b"mno"] and v.format is bytes and v.elem_size == 3
        for wrong in (b"ab", b"abcd"):
            with pytest.raises(ValueError):
                v.push(wrong)
        with pytest.raises(TypeError):
            v.push("abc")
        with pytest.raises(ValueError):
            v.extend(b"four")


def test_the_format_follows_the_size_if_none_is_given(name):
    for size, wanted in ((1, "B"), (2, "H"), (4, "I"), (8, "Q"), (3, bytes), (24, bytes)):
        with lfvec.Vector(name, elem_size=size) as v:
            assert v.format == wanted
        with lfvec.Vector(name, create=False) as v:
            assert v.format == wanted and v.elem_size == size
        with pytest.raises(ValueError) if wanted is bytes else lfvec.Vector(name, int):
            lfvec.Vector(name, int, create=False)
        lfvec.unlink(name)


def test_formats_that_are_none(name):
    for wrong in ("", "x", "0Q", "65537s"):
        with pytest.raises(ValueError):
            lfvec.Vector(name, wrong)
    with pytest.raises(TypeError):
        lfvec.Vector(name, float)
    with pytest.raises(ValueError):
        lfvec.Vector(name, "Q", elem_size=4)
    with pytest.raises(lfvec.NotFoundError):
        lfvec.Vector(name, create=False)


def test_slices(v):
    v.extend(range(10))
    like = list(range(10))
    cuts = [slice(None), slice(2, 5), slice(-3, None), slice(None, None, -1), slice(8, 1, -3), slice(1, 99, 4), slice(5, 5), slice(20, 30)]
    for cut in cuts:
        assert v[cut] == like[cut]
    v[2:8:2] = [20, 40, 60]
    like[2:8:2] = [20, 40, 60]
    assert list(v) == like and list(reversed(v)) == like[::-1] and 40 in v and 41 not in v
    with pytest.raises(ValueError):
        v[0:2] = [1]


def test_beyond_the_size(v):
    v.push(1)
    for index in (1, -2, 2**64, -(2**65)):
        with pytest.raises(lfvec.RangeError) as caught:
            v[index]
        assert isinstance(caught.value, IndexError) and caught.value.errno == errno.ERANGE
        with pytest.raises(IndexError):
            v[index] = 1
    with pytest.raises(TypeError):
        v["0"]
    with pytest.raises(IndexError):
        v.get_n(1, 1)
    with pytest.raises(IndexError):
        v.snapshot(0, 2)
    for call in (v.pop_n, lambda n: v.get_n(0, n), lambda n: v.snapshot(0, n)):
        with pytest.raises(ValueError):
            call(-1)


def test_empty(v):
    with pytest.raises(lfvec.EmptyError) as caught:
        v.pop()
    assert caught.value.errno == errno.EAGAIN and isinstance(caught.value, IndexError) and v.name in str(caught.value)
    assert v.pop_n(3) == []


def test_cas(v):
    v.push(5)
    assert v.cas(0, 4, 6) == (False, 5) and v.cas(0, 5, 6) == (True, 5) and v[0] == 6
    with pytest.raises(IndexError):
        v.cas(1, 0, 0)


def test_cas_of_other_formats(name):
    with lfvec.Vector(name, "d") as v:
        v.push(0.25)
        assert v.cas(0, 0.25, -1.0) == (True, 0.25) and v.cas(0, 0.25, 0.0) == (False, -1.0)
        with pytest.raises(TypeError):
            v.fetch_add(0, 1)
    lfvec.unlink(name)
    with lfvec.Vector(name, "I") as v:
        v.push(1)
        with pytest.raises(TypeError):
            v.cas(0, 1, 2)
        with pytest.raises(TypeError):
            v.fetch_add(0, 1)


def test_fetch_add(name):
    with lfvec.Vector(name, "q") as v:
        v.push(1)
        assert v.fetch_add(0, -3) == 1 and v.fetch_add(-1, 2**64 + 1) == -2 and v[0] == -1
    lfvec.unlink(name)
    with lfvec.Vector(name, ">q") as v, pytest.raises(TypeError):
        v.fetch_add(0, 1)


def test_versions(v):
    v.push(1)
    assert lfvec.last_version() == 1
    v.push(2)
    assert lfvec.last_version() == 2 == v.snapshot().version


def test_memory(v):
    v.reserve(1000)
    assert v.capacity >= 1000
    v.extend(range(5000))
    v.clear()
    v.trim()
    assert len(v) == 0 and v.check().sound


def test_parts(name):
    with lfvec.Vector(name, max_elems=100 * lfvec.BATCH_MAX + 7) as v:
        assert v.extend_parts([]) == []
        assert v.extend_parts([5]) == [range(0, 1)]
        parts = v.extend_parts(range(70 * lfvec.BATCH_MAX))
        assert len(parts) == 70 and all(len(part) == lfvec.BATCH_MAX for part in parts)
        assert v[parts[69].start] == 69 * lfvec.BATCH_MAX and parts[69].stop == len(v)
        with pytest.raises(lfvec.FullError) as caught:
            v.extend_parts(range(70 * lfvec.BATCH_MAX))
        assert caught.value.pushed == 30 * lfvec.BATCH_MAX + 6 == sum(map(len, caught.value.parts))
        assert caught.value.parts[-1].stop == len(v)


def test_full(name):
    with lfvec.Vector(name, max_elems=5) as v:
        with pytest.raises(lfvec.FullError) as caught:
            v.extend(range(8))
        assert caught.value.errno == errno.EOVERFLOW and caught.value.pushed == len(v)
        while len(v) < 5:
            v.push(0)
        with pytest.raises(lfvec.FullError):
            v.push(9)
        assert len(v) == 5 and v.check().sound


def test_slots_run_out(name):
    with lfvec.Vector(name, max_slots=1) as v:
        v.push(1)
        child = os.fork()
        if child == 0:
            try:
                v.push(2)
                os._exit(1)
            except lfvec.SlotsError as failure:
                os._exit(0 if failure.errno == errno.EUSERS else 2)
        assert os.waitpid(child, 0)[1] == 0
