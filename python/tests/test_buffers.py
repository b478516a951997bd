"""Batches from and into the memory of other objects."""

import array

import pytest

import lfvec

MANY = 20000


def test_array_there_and_back(v):
    assert v.extend(array.array("Q", range(MANY))) == 0 and len(v) == MANY
    into = array.array("Q", bytes(8 * MANY))
    assert v.get_into(into) == MANY and into.tolist() == list(range(MANY))
    assert v.get_into(into, MANY - 3) == 3 and into[:3].tolist() == [MANY - 3, MANY - 2, MANY - 1]
    assert v.snapshot_into(into) == lfvec.last_version() and into[-1] == MANY - 1
    assert v.pop_into(into) == MANY and into[0] == MANY - 1 and into[-1] == 0 and v.pop_into(into) == 0
    into.append(1)  # no export is left that would keep it from being resized


def test_no_loop_over_elements(v, monkeypatch):
    def forbidden(*_):
        raise AssertionError("element by element")

    for way in ("pack", "unpack", "pack_many", "unpack_many"):
        monkeypatch.setattr(v._codec, way, forbidden)
    numbers = array.array("Q", range(MANY))
    v.extend(numbers)
    assert v.get_into(numbers) == MANY and v.snapshot().data.nbytes == 8 * MANY and v.pop_into(numbers) == MANY


def test_bytes_are_taken_as_they_are(v):
    for data in (bytes(16), bytearray(16), memoryview(bytes(32))[8:24]):
        v.extend(data)
    assert len(v) == 6 and v.extend(b"") is None
    with pytest.raises(ValueError):
        v.extend(bytes(15))


def test_what_is_of_another_kind(v):
    for wrong in (array.array("q", [1]), array.array("d", [1.0]), array.array("I", [1, 2])):
        with pytest.raises(TypeError):
            v.extend(wrong)
        with pytest.raises(TypeError):
            v.get_into(wrong)
    with pytest.raises(TypeError):
        v.get_into(bytes(8))
    assert len(v) == 0


def test_rows(name):
    with lfvec.Vector(name, "2I") as v:
        v.extend(memoryview(array.array("I", range(6))).cast("B").cast("I", (3, 2)))
        assert list(v) == [(0, 1), (2, 3), (4, 5)]


def test_a_snapshot_stays(v):
    v.extend(range(5))
    picture = v.snapshot()
    v[0] = 99
    v.clear()
    assert picture == picture and list(picture) == [0, 1, 2, 3, 4] == picture.tolist() and picture[-2:] == [3, 4] and picture[1] == 1
    assert picture.data.format == "Q" and picture.data.readonly and len(picture) == 5 and 4 in picture and picture.index(3) == 3
    with pytest.raises(IndexError):
        picture[5]


@pytest.fixture
def np():
    return pytest.importorskip("numpy")


def test_numpy_there_and_back(v, np):
    numbers = np.arange(MANY, dtype=np.uint64)
    numbers.flags.writeable = False
    v.extend(numbers)
    into = np.zeros(MANY, np.uint64)
    assert v.get_into(into) == MANY and (into == numbers).all()
    assert (np.asarray(v.snapshot().data) == numbers).all()
    assert v.pop_into(into[:10]) == 10 and into[0] == MANY - 1
    v.snapshot_into(into[: len(v)])
    assert (into[: len(v)] == numbers[: len(v)]).all()


def test_numpy_floats_and_records(name, np):
    kind = np.dtype([("id", "u4"), ("pad", "u4"), ("weight", "f8")])
    with lfvec.Vector(name, "IId") as v:
        records = np.array([(1, 0, 0.5), (2, 0, 0.25)], kind)
        v.extend(records)
        assert list(v) == [(1, 0, 0.5), (2, 0, 0.25)]
        assert (np.frombuffer(v.snapshot().data, kind) == records).all()
    lfvec.unlink(name)
    with lfvec.Vector(name, "d") as v:
        v.extend(np.linspace(0, 1, 5))
        assert v[:] == [0, 0.25, 0.5, 0.75, 1] and np.asarray(v.snapshot().data).dtype == np.float64


def test_numpy_of_another_kind(v, np):
    for wrong in (np.arange(4), np.ones(4), np.arange(4, dtype=">u8"), np.array([1, "x"], object), np.arange(4, dtype=np.uint32)):
        with pytest.raises(TypeError):
            v.extend(wrong)
    v.extend(np.arange(4).view(np.uint64))
    assert v[:] == [0, 1, 2, 3]


def test_numpy_rows(name, np):
    with lfvec.Vector(name, "3f") as v:
        v.extend(np.ones((5, 3), np.float32))
        into = np.zeros((5, 3), np.float32)
        assert len(v) == 5 and v.get_into(into) == 5 and into.sum() == 15
