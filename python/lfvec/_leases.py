"""Leases: the part of Vector that is about elements that come back if their consumer dies.

In the library a lease is a thread's: the element lies in the thread's slot, one at a time, and no other thread can acknowledge it. So that one
can be held by a task, or go from a thread of an executor to another, a Lease has a thread of its own, which takes the element and gives it up
when it is told to. These threads sleep meanwhile, and serve the next Lease afterwards.
"""

import contextlib
import errno
import os
import threading

from . import _aio, _library
from ._errors import EmptyError, error

_short, _long = _library.short, _library.long


class _Holder:
    """A thread that may hold a lease, and does what it is told. A child that is forked has none of its parent's."""

    def __init__(self):
        from concurrent.futures import ThreadPoolExecutor  # not at the top: most programs do without, and it takes its time

        self.pid, self._ident = os.getpid(), []
        # the thread knows the list, and not the holder: one that is forgotten is collected, and its thread ends
        self._thread = ThreadPoolExecutor(1, "lfvec-lease", lambda ident: ident.append(threading.get_ident()), (self._ident,))
        self.submit = self._thread.submit

    def here(self):
        return self.pid == os.getpid()

    def run(self, function, *arguments):
        """The result of function(*arguments), run by the thread."""
        return self.submit(function, *arguments).result()

    def end(self, handle):
        """Its slot is given back, and with it the element of a lease that nobody ended. The garbage collector may call this in any thread."""
        if not self.here():
            return
        if self._ident == [threading.get_ident()]:
            _long.leave(handle)
        else:
            with contextlib.suppress(RuntimeError):  # the interpreter is ending: so has the thread, and its slot was given back
                self.run(_long.leave, handle)
        self._thread.shutdown(wait=False)


class Lease:
    """An element on lease that any thread of this process may acknowledge: what Vector.hold() and hold_async() return.

    As a context manager it is acknowledged at the end of the block, and given back if an exception leaves it. One that is forgotten is given
    back. A child that is forked has no part in it.
    """

    def __init__(self, vector, holder, element):
        self._vector, self._holder, self._element = vector, holder, element
        self._open = [True]

    @property
    def element(self):
        """The element."""
        return self._element

    @property
    def held(self):
        """Neither acknowledged nor given back, and held by this process."""
        return bool(self._open) and self._holder.here()

    def ack(self):
        """The element is done with. ValueError if the lease has ended, or the vector was closed, which gives it back."""
        self._end(_short.ack)

    def release(self):
        """Gives the element back: it is pushed, exactly once. If there is no room for it (FullError), it stays on lease."""
        self._end(_short.release)

    def _end(self, call):
        if not self._holder.here():
            raise ValueError("a lease of another process, which this one was forked from")
        try:
            self._open.pop()  # one step: of two threads that end it, one does
        except IndexError:
            raise ValueError("this lease has ended") from None
        try:
            self._vector._must_be_open()
            self._vector._checked(self._holder.run(call, self._vector))
        except BaseException:
            self._open.append(True)
            raise
        self._vector._rest(self._holder)

    def __enter__(self):
        return self._element

    def __exit__(self, kind, value, trace):
        if not self._open or not self._holder.here():
            return
        if kind is None:
            self.ack()
        else:
            self.release()

    def __del__(self):
        if getattr(self, "_open", None) and self._holder.here() and not self._vector.closed:
            self._vector._give_back(self._holder)

    def __repr__(self):
        return "<lfvec.Lease of {!r}, {}>".format(self._element, "held" if self.held else "ended")


class Leases:
    """See Vector."""

    def pop_lease(self):
        """As pop(), but the element comes back if this thread ends, or its process dies, before ack(). One lease a thread: BusyError.

        It is this thread's, and no other can acknowledge it: in executors and tasks, hold() is for that.
        """
        return self._codec.unpack(self._pop_lease())

    def _pop_lease(self):
        cell = self._room()
        self._checked(_short.pop_lease(self, cell))
        return cell

    def ack(self):
        """The leased element is done with."""
        self._end_lease(_short.ack(self))

    def release(self):
        """Gives the leased element back: it is pushed, exactly once. If there is no room for it (FullError), it stays on lease."""
        self._end_lease(_short.release(self))

    def _end_lease(self, result):
        if result == -errno.EINVAL and not self.closed:
            advice = "a lease ends in the thread that took it; one of hold() ends in any"
            raise error(errno.EINVAL, "{}: this thread holds no leased element; {}".format(self._name, advice), self._name)
        self._checked(result)

    @contextlib.contextmanager
    def lease(self):
        """with v.lease() as element: it is acknowledged at the end of the block, and given back (release()) if an exception leaves it.

        A child that is forked in the block has no lease.
        """
        cell, pid = self._pop_lease(), os.getpid()
        try:
            yield self._codec.unpack(cell)
        except BaseException:
            if pid == os.getpid():
                self.release()
            raise
        if pid == os.getpid():
            self.ack()

    # ---- leases that are no thread's -----------------------------------------------------------------------------------------------------

    def hold(self):
        """As pop(), but on lease: a Lease, which any thread of this process may acknowledge, and of which there may be several.

        Each takes a slot (max_slots) and, while it is held, a thread that sleeps. EmptyError if there is no element.
        """
        holder = self._holder()
        taken = holder.submit(self._pop_lease)
        try:
            cell = taken.result()
        except BaseException:
            taken.add_done_callback(lambda done: self._not_wanted(holder, done))
            raise
        return Lease(self, holder, self._codec.unpack(cell))

    async def hold_async(self, timeout=None):
        """As hold(), but waits for an element as pop_async() does. A task that is cancelled leaves the element in the vector."""
        until, in_time = _aio.deadline(timeout), True
        while True:
            try:
                return await self._hold_now()
            except EmptyError:
                if not in_time:
                    raise self._error(errno.ETIMEDOUT) from None
            in_time = await _aio.turn(self, until)

    async def _hold_now(self):
        import asyncio

        holder = self._holder()
        taken = holder.submit(self._pop_lease)
        try:
            cell = await asyncio.wrap_future(taken)
        except BaseException:
            taken.add_done_callback(lambda done: self._not_wanted(holder, done))
            raise
        return Lease(self, holder, self._codec.unpack(cell))

    def _not_wanted(self, holder, taken):
        """Who asked for a lease was interrupted or cancelled meanwhile, or there is none."""
        if taken.cancelled() or taken.exception():
            self._rest(holder)
        else:
            self._give_back(holder)

    def _give_back(self, holder):
        """Without waiting for it. A holder whose element finds no room keeps it, and serves nobody else, until close()."""
        with contextlib.suppress(RuntimeError):  # closed, or the interpreter is ending: the thread's end gives it back
            holder.submit(lambda: _short.release(self) or self._rest(holder))

    def _holder(self):
        self._must_be_open()
        while True:
            try:
                holder = self._resting.pop()
            except IndexError:
                break
            if holder.here():
                return holder
        holder = _Holder()
        self._holders.append(holder)
        return holder

    def _rest(self, holder):
        self._resting.append(holder)

    def _end_holders(self, handle):
        """At close(): nobody takes a lease any more. What is still on lease goes back."""
        while self._holders:
            self._holders.pop().end(handle)
        self._resting.clear()
