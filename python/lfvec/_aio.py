"""Waiting in an event loop: the tasks that wait for an element of a vector, without a thread for each.

A task never has an element handed to it, which it would lose if it was cancelled in that moment. It is told that there may be one, and pops it
itself, in the same step of the loop in which its coroutine returns it. So a task that is cancelled has taken nothing.

Who tells is a timer of the loop, which looks at the size while there are tasks that wait: after a millisecond, and more and more seldom, up to
20 ms. The library has no descriptor that a loop could wait for.
"""

import collections
import time

SHORTEST, LONGEST = 0.001, 0.02  # seconds from one look to the next


def deadline(timeout):
    """When a timeout is over, by the clock of time.monotonic(), or None. ValueError for what is none."""
    if timeout is None:
        return None
    if not timeout >= 0:
        raise ValueError("a timeout is 0 or more seconds, or None for no end, not {!r}".format(timeout))
    return time.monotonic() + timeout


class Waiters:
    """The tasks of one loop that wait for one vector: a future for each, and the timer while there is one."""

    def __init__(self, vector, loop):
        self._vector, self._loop = vector, loop
        self._futures = collections.OrderedDict()  # the keys count; who waits longest is first
        self._timer, self._delay = None, SHORTEST

    async def turn(self, until):
        """Returns True when there may be an element, False when the time is over."""
        future = self._loop.create_future()
        self._futures[future] = None
        over = None if until is None else self._loop.call_later(max(0, until - time.monotonic()), self._answer, future, False)
        if self._timer is None:
            self._timer = self._loop.call_later(self._delay, self._look)
        try:
            return await future
        finally:
            if over:
                over.cancel()
            self._futures.pop(future, None)
            self._end_if_idle()

    @staticmethod
    def _answer(future, answer):
        if not future.done():
            future.set_result(answer)

    def _look(self):
        """Wakes as many as there are elements. Who is cancelled now, or finds that another process was faster, leaves it to the next look."""
        self._timer = None
        there = self._there()
        self._delay = SHORTEST if there else min(LONGEST, 1.5 * self._delay)
        for _ in range(min(there, len(self._futures))):
            self._answer(self._futures.popitem(last=False)[0], True)
        if self._futures:
            self._timer = self._loop.call_later(self._delay, self._look)
        self._end_if_idle()

    def _there(self):
        """How many to wake: all, if the vector was closed or cannot be read, so that their pop() says so."""
        try:
            return len(self._vector)
        except Exception:
            return len(self._futures)

    def _end_if_idle(self):
        if not self._futures and self._vector._waiters.get(self._loop) is self:
            del self._vector._waiters[self._loop]
            if self._timer:
                self._timer.cancel()


def turn(vector, until):
    """Awaitable: True when the vector may have an element, False at the deadline."""
    import asyncio  # not at the top: most programs do without, and it takes its time

    loop = asyncio.get_running_loop()
    waiters = vector._waiters.get(loop)
    if waiters is None:
        waiters = vector._waiters[loop] = Waiters(vector, loop)
    return waiters.turn(until)
