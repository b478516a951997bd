"""Several processes: multiprocessing by fork, spawn and forkserver, and threads."""

import multiprocessing
import os
import pickle
import threading

import pytest

import lfvec

WORKERS, EACH = 3, 200


def work(v, worker, each):
    """What each process does: pushes of its own, and a part in a common sum."""
    for k in range(each):
        v.push(worker * each + k)
        v.fetch_add(0, 1)
    slots = {one.slot for one in v.participants() if one.pid == os.getpid()}
    v.close()
    if len(slots) != 1:
        raise AssertionError("a child is one participant of its own, not {}".format(len(slots)))


def pop_one(v):
    return os.getpid(), v.pop_wait(20)


@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_multiprocessing(v, way):
    context = multiprocessing.get_context(way)
    v.push(0)
    workers = [context.Process(target=work, args=(v, worker, EACH)) for worker in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * WORKERS
    assert v[0] == WORKERS * EACH and sorted(v[1:]) == list(range(WORKERS * EACH))
    assert [one.pid for one in v.participants()] == [os.getpid()] and v.check().sound


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_pool(v, way):
    v.extend(range(20))
    with multiprocessing.get_context(way).Pool(2) as pool:
        popped = pool.map(pop_one, [v] * 20, chunksize=1)
    assert sorted(element for _, element in popped) == list(range(20)) and os.getpid() not in {pid for pid, _ in popped}


def test_a_child_that_ends_leaves_what_can_be_taken_over(name):
    with lfvec.Vector(name, max_slots=2) as v:
        v.push(0)
        for k in range(5):
            child = os.fork()
            if child == 0:
                v.push(k)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        assert list(v) == [0, 0, 1, 2, 3, 4] and v.check().sound


def test_a_pickle_is_of_one_segment(v):
    v.push(3)
    data = pickle.dumps(v)
    with pickle.loads(data) as again:
        assert again.pop() == 3 and again.format == "Q" and len(v) == 0
    lfvec.unlink(v.name)
    with pytest.raises(lfvec.NotFoundError):
        pickle.loads(data)
    with lfvec.Vector(v.name), pytest.raises(lfvec.StaleError):
        pickle.loads(data)


def test_pickles_keep_their_format(name):
    with lfvec.Vector(name, ">d") as v, pickle.loads(pickle.dumps(v)) as again:
        assert again.format == ">d"
    with lfvec.Vector(name, bytes, create=False) as v, pickle.loads(pickle.dumps(v)) as again:
        assert again.format is bytes


def test_threads(v):
    def pump(k):
        for i in range(500):
            v.push(k * 500 + i)
        v.extend(range(10000 + k * 500, 10000 + k * 500 + 500))

    threads = [threading.Thread(target=pump, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(v) == list(range(2000)) + list(range(10000, 12000)) and v.check().sound


def test_close_beside_threads_at_work(name):
    """Whatever the moment, a call on a vector that is being closed takes effect or raises ValueError."""
    for _ in range(20):
        v = lfvec.Vector(name)
        wrong = []

        def pump():
            try:
                while True:
                    v.push(1)
                    v.pop_n(3)
                    v.snapshot()
            except ValueError:
                pass
            except Exception as failure:
                wrong.append(failure)

        threads = [threading.Thread(target=pump) for _ in range(3)]
        for thread in threads:
            thread.start()
        v.close()
        for thread in threads:
            thread.join(20)
        assert wrong == [] and not any(thread.is_alive() for thread in threads)


def test_fork_while_threads_wait(v):
    """A child closes at once: the calls that it has inherited as under way are not its own."""
    waiter = threading.Thread(target=v.pop_wait)
    waiter.start()
    while not v._users:
        pass
    child = os.fork()
    if child == 0:
        v.push(1)
        v.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    waiter.join(20)
    assert not waiter.is_alive()
