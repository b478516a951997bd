"""Tasks that wait for elements: none is lost when they are cancelled, and none has a thread of its own."""

import asyncio
import multiprocessing
import random
import threading
import time

import pytest

import lfvec


def run(main):
    return asyncio.run(asyncio.wait_for(main, 60))


def push_all(v, numbers):
    for number in numbers:
        v.push(number)
        if number % 50 == 0:
            time.sleep(0.005)
    v.close()


def test_it_waits(v):
    async def main():
        waiter = asyncio.ensure_future(v.pop_async())
        await asyncio.sleep(0.05)
        assert not waiter.done()
        v.push(7)
        return await waiter

    assert run(main()) == 7 and v._waiters == {}


def test_timeouts(v):
    async def main():
        for timeout in (0, 0.03):
            before = time.monotonic()
            with pytest.raises(lfvec.TimeoutError):
                await v.pop_async(timeout)
            assert time.monotonic() - before >= timeout
        with pytest.raises(ValueError):
            await v.pop_async(-1)
        v.push(1)
        return await v.pop_async(0)

    assert run(main()) == 1 and v._waiters == {}


def test_a_thousand_that_are_cancelled_at_random(v):
    """What tasks returned, and what is left, is what another process pushed: nothing lost, nothing twice."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance, count = random.Random(seed), 1000
    got = []

    async def wait():
        got.append(await v.pop_async())

    async def main():
        threads = threading.active_count()
        tasks = [asyncio.ensure_future(wait()) for _ in range(count)]
        producer = multiprocessing.get_context("spawn").Process(target=push_all, args=(v, range(count)))
        producer.start()
        while producer.is_alive() or len(v) > count // 4:
            await asyncio.sleep(chance.random() * 0.002)
            for task in chance.sample(tasks, 20):
                task.cancel()
            for k in range(20):  # some that come later, and some that are cancelled in the moment in which there is an element
                tasks.append(asyncio.ensure_future(wait()))
            assert threading.active_count() == threads
        producer.join()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert producer.exitcode == 0

    run(main())
    left = v[:]
    assert sorted(got + left) == list(range(count)) and len(got) > count // 4, "seed {}".format(seed)


def test_woken_and_cancelled_in_one_step(v):
    async def main():
        first = asyncio.ensure_future(v.pop_async())
        await asyncio.sleep(0)
        v.push(3)
        (waiters,) = v._waiters.values()
        waiters._look()  # it is told; its step is yet to come
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert v[:] == [3]
        return await v.pop_async(1)

    assert run(main()) == 3


def test_close_ends_them(v):
    async def main():
        tasks = [asyncio.ensure_future(v.pop_async()) for _ in range(3)]
        await asyncio.sleep(0)
        v.close()
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(one) for one in run(main())] == [ValueError] * 3


def test_two_loops(v):
    got = []

    def serve():
        async def main():
            for _ in range(100):
                got.append(await v.pop_async(20))

        asyncio.run(main())

    threads = [threading.Thread(target=serve) for _ in range(2)]
    for thread in threads:
        thread.start()
    v.extend(range(200))
    for thread in threads:
        thread.join(30)
    assert sorted(got) == list(range(200))


# ---- leases ----------------------------------------------------------------------------------------------------------------------------------


def test_a_lease_that_another_thread_ends(v):
    v.extend([1, 2, 3])
    first, second = v.hold(), v.hold()
    assert (first.element, second.element, len(v)) == (3, 2, 1) and first.held
    for end in (first.ack, second.release):
        thread = threading.Thread(target=end)
        thread.start()
        thread.join()
    assert v[:] == [1, 2] and not first.held
    for end in (first.ack, first.release):
        with pytest.raises(ValueError, match="ended"):
            end()
    assert v.participants()[0].leased == 0 and v.check().sound


def test_leases_as_blocks(v):
    v.extend([1, 2])
    with v.hold() as element:
        assert element == 2
    with pytest.raises(KeyError), v.hold() as element:
        raise KeyError(element)
    assert v[:] == [1]
    lease = v.hold()
    del lease  # forgotten
    assert v.pop_wait(20) == 1
    with pytest.raises(lfvec.EmptyError):
        v.hold()
    assert len(v._holders) == 1, "the thread of one lease serves the next"


def test_a_lease_without_room(name):
    with lfvec.Vector(name, max_elems=1) as v:
        v.push(1)
        lease = v.hold()
        v.push(2)
        with pytest.raises(lfvec.FullError):
            lease.release()
        assert lease.held
        del lease  # stays where it is: there is no room still
        with v.hold() as element:
            assert element == 2
    with lfvec.Vector(name) as v:
        v.recover()
        assert v[:] == [1]


def test_close_gives_leases_back(name):
    with lfvec.Vector(name) as v:
        v.extend([1, 2])
        lease = v.hold()
    with pytest.raises(ValueError):
        lease.ack()
    with lfvec.Vector(name) as v:
        assert v[:] == [1, 2] and v.participants() == []


def test_the_threads_of_leases_end(name):
    before = threading.active_count()
    with lfvec.Vector(name) as v:
        v.extend([1, 2, 3])
        leases = [v.hold(), v.hold()]
        assert threading.active_count() == before + 2
        leases.pop().ack()
    forgotten = lfvec.Vector(name)
    forgotten.hold()
    del forgotten, leases
    until = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.001)
    assert threading.active_count() == before
    with lfvec.Vector(name) as v:
        assert sorted(v) == [1, 3] and [one.state for one in v.participants()] == []


def test_leases_of_the_dead_come_back(v):
    v.extend([1, 2])
    child = multiprocessing.get_context("fork").Process(target=lambda: (v.hold(), v.hold(), __import__("os")._exit(0)))
    child.start()
    child.join()
    v.recover()
    assert sorted(v[:]) == [1, 2]


def test_a_child_has_no_part_in_a_lease(v):
    v.push(1)
    lease = v.hold()

    def child():
        assert not lease.held
        with pytest.raises(ValueError, match="forked"):
            lease.ack()
        v.push(5)
        with v.hold() as element:
            assert element == 5
        v.close()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    lease.release()
    assert v[:] == [1]


def test_leases_in_tasks(v):
    v.extend(range(10))

    async def work(done):
        with await v.hold_async(20) as element:
            await asyncio.sleep(0.001)
            done.append(element)

    async def main():
        done = []
        await asyncio.gather(*(work(done) for _ in range(10)))
        waiters = [asyncio.ensure_future(v.hold_async()) for _ in range(20)]
        await asyncio.sleep(0.01)
        v.extend(range(100, 110))
        for waiter in waiters:
            await asyncio.sleep(0.0005)
            waiter.cancel()
        ended = await asyncio.gather(*waiters, return_exceptions=True)
        for lease in ended:
            if isinstance(lease, lfvec.Lease):
                lease.release()
        with pytest.raises(lfvec.TimeoutError):
            v.clear()
            await v.hold_async(0.01)
        return done

    # what was cancelled while its thread took an element gave it back before the thread did anything else
    assert sorted(run(main())) == list(range(10))


def test_cancelled_leases_lose_nothing(v):
    async def main():
        for k in range(100):
            v.push(k)
            task = asyncio.ensure_future(v.hold_async())
            for _ in range(k % 4):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if not task.cancelled():
                task.result().release()

    run(main())
    with lfvec.Vector.existing(v.name) as again:
        v.close()
        assert sorted(again[:]) == list(range(100))


def test_a_thread_that_has_no_lease_is_told_of_hold(v):
    v.push(1)
    thread = threading.Thread(target=v.pop_lease)
    thread.start()
    with pytest.raises(lfvec.Error, match="hold()"):
        v.ack()
    thread.join()
