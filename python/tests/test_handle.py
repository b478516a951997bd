"""A vector's life: attaching, closing, errors, what is said of the segment."""

import errno
import fcntl
import os
import pickle
import signal
import site
import subprocess
import sys
import threading
import time

import pytest

import lfvec


def test_nothing_is_unlinked_implicitly(name):
    with lfvec.Vector(name) as v:
        v.push(1)
    del v
    with lfvec.Vector(name, create=False) as v:
        assert v.pop() == 1 and v.is_current
        lfvec.unlink(name)
        assert not v.is_current
        v.push(2)
    with pytest.raises(lfvec.NotFoundError):
        lfvec.unlink(name)
    lfvec.unlink(name, missing_ok=True)


def test_the_sentence_of_the_library(name):
    with pytest.raises(lfvec.NotFoundError) as caught:
        lfvec.Vector(name, create=False)
    failure = caught.value
    assert isinstance(failure, OSError) and isinstance(failure, FileNotFoundError) and failure.errno == errno.ENOENT
    assert name in failure.strerror and failure.strerror != os.strerror(errno.ENOENT)
    again = pickle.loads(pickle.dumps(failure))
    assert type(again) is lfvec.NotFoundError and again.errno == failure.errno


@pytest.mark.skipif(os.geteuid() != 0 or os.stat("/dev/shm").st_mode & 0o1002 != 0o1002, reason="not root, or no common /dev/shm")
def test_the_segment_of_another_user(name):
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        lfvec.Vector(name, "I", mode=0o666).push(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    for refused in ({}, {"format": "I"}, {"any_owner": False}):
        with pytest.raises(lfvec.AccessError) as caught:
            lfvec.Vector(name, **refused)
        assert "belongs to user 65534" in caught.value.strerror
    with pytest.raises(lfvec.ExistsError):
        lfvec.Vector(name, exclusive=True)
    for joined in ({"any_owner": True}, {"create": False}, {"readonly": True}):
        with lfvec.Vector(name, **joined) as v:
            assert v[0] == 1


def test_a_lease_of_the_kernel(name):
    lfvec.Vector(name).close()
    handler = signal.signal(signal.SIGIO, signal.SIG_IGN)
    with open("/dev/shm" + name, "rb") as file:
        try:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError as why:
            pytest.skip("the kernel gives no lease here: {}".format(why))
        for how in ({}, {"readonly": True}):
            with pytest.raises(lfvec.BusyError) as caught:
                lfvec.Vector(name, **how)
            assert caught.value.errno == errno.EAGAIN and "F_SETLEASE" in caught.value.strerror
    signal.signal(signal.SIGIO, handler)


def test_refusals_at_open(name):
    lfvec.Vector(name, "I", elem_tag=5).close()
    for number, kind, arguments in (
        (errno.EEXIST, lfvec.ExistsError, dict(exclusive=True)),
        (errno.EPROTO, lfvec.MismatchError, dict(format="Q")),
        (errno.EPROTO, lfvec.MismatchError, dict(format="I", elem_tag=6)),
        (errno.EINVAL, lfvec.Error, dict(max_slots=5000)),
    ):
        with pytest.raises(kind) as caught:
            lfvec.Vector(name, **arguments)
        assert caught.value.errno == number
    with pytest.raises(lfvec.Error):
        lfvec.Vector("no-slash")
    for wrong in (dict(mode=-1), dict(max_slots=2**32), dict(elem_size=2**40)):
        with pytest.raises(ValueError):
            lfvec.Vector(name, **wrong)


def test_damaged(name):
    with open("/dev/shm" + name, "wb") as spoilt:
        spoilt.write(b"no segment" * 5000)
    os.chmod("/dev/shm" + name, 0o600)
    with pytest.raises(lfvec.DamagedError) as caught:
        lfvec.Vector(name)
    assert caught.value.errno == errno.EBADMSG


def test_attributes(name):
    with lfvec.Vector(name, "Q", max_slots=3, mode=0o640, elem_tag=77, max_elems=1000, hugepages=False) as v:
        facts = v.stat()
        assert (facts.max_slots, facts.mode, facts.elem_tag, facts.max_elems, facts.elem_size) == (3, 0o640, 77, 1000, 8)
        assert len(facts.uuid) == 16 and v.name == name and name in repr(v)


def test_read_only(v):
    v.push(1)
    with lfvec.Vector(v.name, readonly=True) as reader:
        assert reader[0] == 1 and list(reader) == [1] and reader.check().sound and reader.readonly
        calls = [lambda: reader.push(1), reader.pop, reader.clear, reader.trim, reader.leave, lambda: reader.extend([1])]
        for call in calls + [lambda: reader.pop_wait(0)]:
            with pytest.raises(lfvec.ReadOnlyError) as caught:
                call()
            assert caught.value.errno == errno.EBADF
        assert pickle.loads(pickle.dumps(reader)).readonly
    with pytest.raises(lfvec.NotFoundError):
        lfvec.Vector(v.name + "-none", readonly=True)


def test_leave(v):
    v.push(1)
    assert v.stat().slots_alive == 1
    v.pop_lease()
    v.leave()
    assert v.stat().slots_alive == 0 and v[:] == [1]
    v.leave()
    v.push(2)
    assert v.stat().slots_alive == 1 and v[:] == [1, 2]


def test_closed(v):
    v.push(1)
    v.close()
    v.close()
    calls = [v.pop, v.pop_wait, v.check, v.stat, v.snapshot, v.ack, v.release, v.pop_lease, v.clear, v.trim, v.participants]
    calls += [v.recover, v.leave, v.__enter__]
    calls += [lambda: len(v), lambda: v.push(1), lambda: v[0], lambda: v[:], lambda: v.set(0, 1), lambda: v.extend([1]), lambda: list(v)]
    calls += [lambda: v.pop_n(1), lambda: v.get_n(0, 1), lambda: v.cas(0, 1, 2), lambda: v.fetch_add(0, 1), lambda: v.reserve(1)]
    calls += [lambda: v.capacity, lambda: v.batch_most, lambda: v.is_current, lambda: pickle.dumps(v)]
    for call in calls:
        with pytest.raises(ValueError):
            call()
    assert v.closed and "closed" in repr(v)


def test_close_ends_a_wait(v):
    raised = []

    def wait():
        try:
            v.pop_wait()
        except ValueError as failure:
            raised.append(failure)

    waiter = threading.Thread(target=wait)
    waiter.start()
    while not v._users:
        time.sleep(0.001)
    v.close()
    waiter.join(20)
    assert raised and not waiter.is_alive()


def test_pop_wait(v):
    before = time.monotonic()
    with pytest.raises(lfvec.TimeoutError) as caught:
        v.pop_wait(0.15)
    assert time.monotonic() - before >= 0.15 and caught.value.errno == errno.ETIMEDOUT and isinstance(caught.value, TimeoutError)
    with pytest.raises(TimeoutError):
        v.pop_wait(0)
    pusher = threading.Timer(0.15, v.push, [5])
    pusher.start()
    assert v.pop_wait() == 5
    pusher.join()


def test_a_signal_ends_a_wait(name):
    program = "import lfvec, sys; v = lfvec.Vector(sys.argv[1]); print('waiting', flush=True); v.pop_wait()"
    child = subprocess.Popen([sys.executable, "-c", program, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout.readline() == b"waiting\n"
    child.send_signal(2)
    _, said = child.communicate(timeout=20)
    assert b"KeyboardInterrupt" in said


def test_leases(v):
    v.extend([1, 2])
    assert v.pop_lease() == 2
    with pytest.raises(lfvec.BusyError) as caught:
        v.pop_lease()
    assert caught.value.errno == errno.EBUSY
    v.ack()
    with pytest.raises(lfvec.Error) as caught:
        v.ack()
    assert caught.value.errno == errno.EINVAL
    with v.lease() as element:
        assert element == 1 and len(v) == 0
    with pytest.raises(lfvec.EmptyError), v.lease():
        pass


def test_a_lease_that_fails_comes_back(v):
    v.push(7)
    with pytest.raises(KeyError), v.lease() as element:
        raise KeyError(element)
    assert list(v) == [7]
    with v.lease():
        pass
    assert not v and v.check().sound


def test_a_lease_is_given_back(v):
    v.extend([1, 2])
    assert v.pop_lease() == 2
    v.release()
    assert list(v) == [1, 2]
    with pytest.raises(lfvec.Error) as caught:
        v.release()
    assert caught.value.errno == errno.EINVAL
    assert v.check().sound


def test_a_lease_of_a_thread_that_ends_comes_back(v):
    v.push(7)
    thread = threading.Thread(target=v.pop_lease)
    thread.start()
    thread.join()
    assert v.pop_wait(20) == 7


def test_participants_check_recover(v):
    v.push(1)
    (me,) = v.participants()
    assert me.pid == os.getpid() and me.state == lfvec.SLOT_ALIVE and me.pushes == 1 and isinstance(me.name, str)
    assert len(v.participants(free=True)) == v.stat().max_slots
    child = os.fork()
    if child == 0:
        v.push(2)
        v.pop_lease()
        os._exit(0)
    os.waitpid(child, 0)
    assert sorted(one.state for one in v.participants()) == [lfvec.SLOT_ALIVE, lfvec.SLOT_DEAD]
    done = v.recover()
    assert done.slots_recovered == 1 and done.leases_returned == 1 and list(v) == [1, 2]
    report = v.check()
    assert report.sound and report.elements == 2 and report.message == ""
    assert v.recover(me.slot).slots_alive == 1
    with pytest.raises(lfvec.BusyError):
        v.recover(me.slot, force=True)
    with pytest.raises(lfvec.RangeError):
        v.recover(100000)
    with pytest.raises(lfvec.Error):
        v.recover(-1)
    with pytest.raises(ValueError):
        v.recover(force=True)


def test_left_open_at_exit(name):
    """A program that ends without close() says nothing, and gives its slot back."""
    program = "import lfvec, sys; v = lfvec.Vector(sys.argv[1]); v.push(1)"
    done = subprocess.run([sys.executable, "-c", program, name], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    with lfvec.Vector(name) as v:
        assert v.participants() == [] and list(v) == [1]


def test_the_library_of_a_user(tmp_path):
    """As PREFIX=$HOME/.local ./dev install leaves it, where the loader does not look."""
    there = os.environ.get("LFVEC_LIBRARY", "")
    if not os.path.isabs(there) or not site.ENABLE_USER_SITE:
        pytest.skip("no library to be put there, or no directory of a user's")
    (tmp_path / "lib").mkdir()
    os.symlink(there, tmp_path / "lib" / "liblfvec.so.0")
    environment = dict(os.environ, PYTHONUSERBASE=str(tmp_path))
    del environment["LFVEC_LIBRARY"]
    program = "import lfvec; print(lfvec._library._places()[-1])"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout or "/usr/local" in done.stdout


def test_without_the_library():
    environment = dict(os.environ, LFVEC_LIBRARY="liblfvec-that-is-none.so")
    done = subprocess.run([sys.executable, "-c", "import lfvec"], env=environment, capture_output=True, timeout=60)
    assert done.returncode == 1 and b"ImportError" in done.stderr and b"LFVEC_LIBRARY" in done.stderr and b"./dev install" in done.stderr
