"""What those expect who know Python: sequences, queues, files."""

import collections.abc
import os
import pickle
import queue
import threading
import time

import pytest

import lfvec


def test_it_is_a_sequence(v):
    v.extend([5, 6, 5])
    for one in (v, v.snapshot()):
        assert isinstance(one, collections.abc.Sequence) and one.index(6) == 1 and one.count(5) == 2 and 6 in one and 7 not in one
        assert list(reversed(one)) == [5, 6, 5] and one.index(5, 1) == 2 and one.index(5, -2, 3) == 2
        with pytest.raises(ValueError):
            one.index(7)
        with pytest.raises(ValueError):
            one.index(6, 2)
    assert not isinstance(v, collections.abc.MutableSequence)


def test_it_is_generic():
    for kind in (lfvec.Vector, lfvec.Snapshot, lfvec.TemporaryVector):
        assert kind[int].__origin__ is kind and kind[int].__args__ == (int,)


def test_list_segments(name):
    assert name not in lfvec.list_segments()
    with lfvec.Vector(name), open("/dev/shm" + name + "-none", "wb"):
        found = lfvec.list_segments()
        assert name in found and name + "-none" not in found and found == sorted(found)
    os.unlink("/dev/shm" + name + "-none")


def test_a_temporary_vector():
    with lfvec.TemporaryVector("d", max_elems=9) as v:
        v.push(0.5)
        assert isinstance(v, lfvec.Vector) and v.is_current and v.stat().max_elems == 9 and v.format == "d"
        name = v.name
        with pickle.loads(pickle.dumps(v)) as again:
            assert again.pop() == 0.5 and type(again) is lfvec.Vector
        child = os.fork()
        if child == 0:
            v.push(1.5)
            v.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert v.is_current and v[:] == [1.5]
    assert name not in lfvec.list_segments()
    v.close()
    with pytest.raises(KeyError), lfvec.TemporaryVector() as v:
        raise KeyError
    assert not os.path.exists("/dev/shm" + v.name)


def test_a_temporary_vector_removes_nobody_elses():
    with lfvec.TemporaryVector() as v:
        lfvec.unlink(v.name)
        with lfvec.Vector(v.name) as other:
            v.close()
            assert other.is_current
            lfvec.unlink(v.name)
    with pytest.raises(TypeError):
        lfvec.TemporaryVector("Q", create=False, name="x")
    for wrong, how in ((int, {"elem_size": 3}), ("Q", {"elem_size": 4})):
        with pytest.raises(ValueError):
            lfvec.TemporaryVector(wrong, prefix="/lfvec-wrong-", **how)
    assert not [name for name in lfvec.list_segments() if name.startswith("/lfvec-wrong-")]


def test_existing(name):
    with pytest.raises(lfvec.NotFoundError):
        lfvec.Vector.existing(name)
    assert not os.path.exists("/dev/shm" + name)
    lfvec.Vector(name, "d").close()
    with lfvec.Vector.existing(name, "d", readonly=True) as v, lfvec.TemporaryVector.existing(name) as w:
        assert v.readonly and w.format == "d"


def test_the_file_name_of_errors(v):
    calls = [lambda: lfvec.Vector.existing(v.name + "-none"), lambda: lfvec.unlink(v.name + "-none")]
    for call, wanted in [(v.pop, v.name), (lambda: v[3], v.name), (lambda: v.pop_wait(0), v.name)] + [(call, v.name + "-none") for call in calls]:
        with pytest.raises(lfvec.Error) as caught:
            call()
        assert caught.value.filename == wanted and str(caught.value).count(wanted) == 1
        assert pickle.loads(pickle.dumps(caught.value)).filename == wanted


def test_modes(name):
    for wrong in (0o1000, 0o1777, 600, -1, 2**32):
        with pytest.raises(ValueError, match="mode"):
            lfvec.Vector(name, mode=wrong)
    with lfvec.Vector(name, mode=0o777) as v:
        assert v.stat().mode == 0o777


def test_a_queue(name):
    with lfvec.LifoQueue(name, "Q", max_elems=3) as q:
        assert q.empty() and not q.full() and q.qsize() == 0
        q.put(1)
        q.put_nowait(2)
        q.put(3, True, 0.01)
        assert q.full() and q.qsize() == 3 and not q.empty()
        for refused in (lambda: q.put(4, False), lambda: q.put_nowait(4), lambda: q.put(4, timeout=0.02)):
            with pytest.raises(queue.Full):
                refused()
        assert (q.get(), q.get_nowait(), q.get(timeout=1)) == (3, 2, 1)
        for refused in (lambda: q.get(False), q.get_nowait, lambda: q.get(timeout=0.02)):
            with pytest.raises(queue.Empty):
                refused()
        for wrong in (lambda: q.put(4, timeout=-1), lambda: q.get(timeout=-1)):
            with pytest.raises(ValueError):
                wrong()
    assert q.vector.closed


def test_a_queue_that_waits_for_room(v):
    with lfvec.TemporaryVector("Q", max_elems=1) as v:
        q = lfvec.LifoQueue(v)
        q.put(1)
        putter = threading.Thread(target=q.put, args=(2,))
        putter.start()
        time.sleep(0.02)
        assert q.get() == 1
        putter.join(20)
        assert not putter.is_alive() and q.get() == 2
        with pytest.raises(TypeError):
            lfvec.LifoQueue(v, "Q")
        again = pickle.loads(pickle.dumps(q))
        again.put(5)
        again.close()
        assert q.get() == 5
