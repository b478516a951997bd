"""Numbers that come back from numpy as what they were, kinds that are told apart field by field, formats that are dtypes."""

import array
import ctypes
import struct

import pytest

import lfvec
from lfvec import _fields

np = pytest.importorskip("numpy")

BIG = 2**63 + 1  # which no float holds
RECORD = np.dtype([("id", "u4"), ("flag", "u1"), ("weight", "f8"), ("name", "S6")], align=True)


def test_numbers_keep_their_type(v):
    v.extend([BIG, 2**64 - 1])
    for source in (v, v.snapshot()):
        numbers = np.asarray(source)
        assert numbers.dtype == np.uint64 and numbers.tolist() == [BIG, 2**64 - 1]
    assert np.array(v, dtype=np.float64).dtype == np.float64 == np.asarray(v.snapshot(), np.float64).dtype
    v.clear()
    assert np.asarray(v).shape == np.asarray(v.snapshot()).shape == (0,)


@pytest.mark.parametrize("form", ["b", "B", "h", "H", "i", "I", "l", "L", "q", "Q", "n", "e", "f", "d", "?", ">H", "<d", ">q", "=i"])
def test_every_number(name, form):
    with lfvec.Vector(name, form) as v:
        v.extend([1, 0, 1])
        for source in (v, v.snapshot()):
            made = np.asarray(source)
            assert made.tolist() == [1, 0, 1] and made.dtype.itemsize == struct.calcsize(form)
        v.extend(made)
        assert v[:] == [1, 0, 1] * 2
        assert v.snapshot().data.nbytes == 6 * v.elem_size


@pytest.mark.parametrize("form, value", [("IIf", (1, 2, 0.5)), ("dI0d", (0.5, 7)), (">Hq", (3, -4)), ("Q8s", (5, b"eight by")), ("Qxxxx", 6)])
def test_records(name, form, value):
    with lfvec.Vector(name, form) as v:
        v.extend([value] * 3)
        for source in (v, v.snapshot()):
            made = np.asarray(source)
            assert made.shape == (3,) and made[2].item() == (value if isinstance(value, tuple) else (value,))
        v.extend(made)
        assert v[:] == [value] * 6


def test_bytes_are_rows(name):
    with lfvec.Vector(name, bytes, elem_size=3) as v:
        v.extend([b"ab\0", b"def"])
        for source in (v, v.snapshot()):
            assert np.asarray(source).tolist() == [list(b"ab\0"), list(b"def")]
        v.extend(np.asarray(v))
        assert v[2:] == [b"ab\0", b"def"]


def test_a_dtype_is_a_format(name):
    rows = np.array([(1, 2, 0.5, b"six"), (3, 4, -1.5, b"letter")], RECORD)
    with lfvec.Vector(name, RECORD) as v:
        v.extend(rows)
        assert v[0] == (1, 2, 0.5, b"six\0\0\0") and v.push((5, 6, 0.25, b"")) == 2 and v.elem_size == RECORD.itemsize
        for source in (v, v.snapshot()):
            assert np.asarray(source).dtype == RECORD and (np.asarray(source)[:2] == rows).all()
        assert v.stat().elem_format == "u32,u8,f64,s6"
        with pytest.raises(ValueError):
            v.push((1, 2, 0.5, b"seven b"))
    with lfvec.Vector.existing(name) as v:
        assert v[2] == (5, 6, 0.25, bytes(6))
    lfvec.unlink(name)
    for form, code in ((np.uint16, "H"), (np.dtype(">i8"), ">q"), (np.float32, "f"), (np.dtype("S5"), "5s"), (np.bool_, "?")):
        with lfvec.Vector(name, form) as v:
            assert v.format == code and v.elem_size == np.dtype(form).itemsize
        lfvec.unlink(name)


def test_a_dtype_within_a_dtype(name):
    kind = np.dtype([("at", "f4", (2, 2)), ("inner", [("a", "u1"), ("b", "i8")])])
    with lfvec.Vector(name, kind) as v:
        v.push((1, 2, 3, 4, 5, -6))
        assert np.asarray(v)["at"].tolist() == [[[1, 2], [3, 4]]] and np.asarray(v)["inner"]["b"] == [-6]
        v.extend(np.asarray(v))
        assert v[1] == (1, 2, 3, 4, 5, -6)


@pytest.mark.parametrize("form", [object, "U3", "c8", "M8[s]", "g", [("a", ">u4"), ("b", "<u4")]])
def test_a_dtype_that_is_no_format(name, form):
    with pytest.raises(TypeError, match="no format"):
        lfvec.Vector(name, np.dtype(form))


def test_records_are_compared_field_by_field(name):
    with lfvec.Vector(name, "Id4s") as v:  # 20 bytes
        v.extend(np.zeros(2, "u4, V4, f8, S4"))
        swapped = np.zeros(2, "u4, V4, f8, S4").astype(">u4, V4, f8, S4")
        for wrong in (np.zeros((2, 5), np.float32), np.zeros(2, "u4, f8, f8"), np.zeros(2, "f4, V4, f8, S4"), np.zeros(2, "i4, V4, f8, S4"), swapped):
            with pytest.raises(TypeError):
                v.extend(wrong)
            with pytest.raises(TypeError):
                v.get_into(wrong)
        assert len(v) == 2
        v.extend(memoryview(np.zeros((2, 5), np.float32)).cast("B"))
        assert len(v) == 4
    lfvec.unlink(name)
    with lfvec.Vector(name, "Q") as v:
        with pytest.raises(TypeError):
            v.extend((ctypes.c_double * 2)())
        v.extend((ctypes.c_uint64 * 2)(5, 6))
        assert v[:] == [5, 6]


def test_strides_are_copied(v):
    numbers = np.arange(24, dtype=np.uint64)
    v.extend(numbers[::2])
    v.extend(numbers[::-1][:3])
    v.extend(memoryview(array.array("Q", range(8)))[::4])
    v.extend(numbers.reshape(4, 6).T)
    assert v[:] == list(range(0, 24, 2)) + [23, 22, 21] + [0, 4] + numbers.reshape(4, 6).T.flatten().tolist()


def test_into_strides(v):
    v.extend(range(10, 16))
    for make in (lambda: np.zeros(12, np.uint64)[::2], lambda: np.zeros(6, np.uint64)[::-1], lambda: np.zeros((3, 2), np.uint64, "F")):
        into = make()
        assert v.get_into(into) == 6 and into.flatten().tolist() == list(range(10, 16))
        into = make()
        v.snapshot_into(into)
        assert into.flatten().tolist() == list(range(10, 16))
    room = np.full(20, 99, np.uint64)
    assert v.pop_into(room[::2]) == 6 and len(v) == 0
    assert room[:12:2].tolist() == [15, 14, 13, 12, 11, 10] and set(room[1::2]) | set(room[12:]) == {99}


@pytest.mark.skipif(not lfvec.NATIVE, reason="without its extension the module has no buffer protocol")
def test_a_snapshot_is_a_buffer(name):
    with lfvec.Vector(name, "d") as v:
        v.extend([0.5, 1.5])
        view = memoryview(v.snapshot())
        assert view.format == "d" and view.readonly and view.tolist() == [0.5, 1.5] and bytes(v.snapshot()) == struct.pack("2d", 0.5, 1.5)
        with pytest.raises((TypeError, BufferError)):
            ctypes.c_char.from_buffer(v.snapshot())
        with lfvec.TemporaryVector("d") as copy:
            copy.extend(v.snapshot())
            assert copy[:] == v[:]
        picture = v.snapshot()
        assert np.shares_memory(np.asarray(picture), np.asarray(picture))


def test_a_million_records_are_not_copied():
    """Nothing goes through the records: it takes microseconds."""
    with lfvec.TemporaryVector("IIf") as v:
        v.extend(np.zeros(10**6, "u4, u4, f4"))
        picture = v.snapshot()
        made = np.asarray(picture)
        assert made.shape == (10**6,) and np.shares_memory(made, np.asarray(picture))


FORMS = ["Q", "IIf", "dI0d", "=IQ", "<Q8s", "Q2i3sxp2s", "3f", "Qxxxx", "I4xd", "?e", ">H", "16s", "bhiq", "=bhiq", "0q5s"]


@pytest.mark.parametrize("form", FORMS)
def test_fields_in_three_languages(form):
    size, fields = struct.calcsize(form), _fields.of_format(form)
    assert len(fields) == len(struct.unpack(form, bytes(size)))
    again = _fields.to_struct(fields, size)
    assert struct.calcsize(again) == size and _fields.of_format(again) == fields
    text = _fields.to_text(fields, size)
    places = {(field.at, field.size) for field in _fields.of_text(text, size)}
    assert places.issuperset((field.at, field.size) for field in fields)
    if "p" not in form:
        there = _fields.of_dtype(_fields.to_dtype(fields, size))
        assert [field for field in there if field.kind != "bytes"] == [field for field in fields if field.kind != "bytes"]


def test_what_an_array_has_to_do_with_copies(v):
    v.push(1)
    with pytest.raises(ValueError):
        v.__array__(copy=False)
    picture = v.snapshot()
    assert picture.__array__(copy=True).flags.owndata and not picture.__array__().flags.writeable
    with pytest.raises(ValueError):
        picture.__array__(np.float32, copy=False)
