"""A face for those who come from queue.LifoQueue or multiprocessing.Queue."""

import time

from . import _aio
from ._errors import FullError
from ._vector import Vector

_SHORTEST, _LONGEST = 0.001, 0.05  # seconds from one attempt to put to the next


class LifoQueue:
    """A vector as a queue: put(), get(), qsize() and the like. What was put last is got first, as of queue.LifoQueue.

    The first argument is a name, and what follows is as for Vector; or it is a vector. `vector` is that. Elements are of its format: nothing
    is pickled. What is raised when there is no element, or no room, is a queue.Empty or queue.Full, as well as an lfvec.Error. A queue can be
    an argument of a process, as a vector can.
    """

    def __init__(self, vector, format=None, **attributes):
        if isinstance(vector, Vector):
            if format is not None or attributes:
                raise TypeError("a vector has its format and its attributes already")
            self.vector = vector
        else:
            self.vector = Vector(vector, format, **attributes)

    def put(self, item, block=True, timeout=None):
        """Pushes an element. queue.Full if there is no room; with block, only if there is none for `timeout` seconds, or never."""
        until, pause = _aio.deadline(timeout if block else 0), _SHORTEST
        while True:
            try:
                self.vector.push(item)
                return
            except FullError:
                left = pause if until is None else until - time.monotonic()
                if left <= 0:
                    raise
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST)

    def get(self, block=True, timeout=None):
        """Pops an element. queue.Empty if there is none; with block, only if there is none for `timeout` seconds, or never."""
        return self.vector.pop_wait(timeout) if block else self.vector.pop()

    def put_nowait(self, item):
        """put(item, False)"""
        self.put(item, False)

    def get_nowait(self):
        """get(False)"""
        return self.get(False)

    async def get_async(self, timeout=None):
        """get() for a task: Vector.pop_async()."""
        return await self.vector.pop_async(timeout)

    def qsize(self):
        """How many elements there are, at a moment."""
        return len(self.vector)

    def empty(self):
        """There is no element, at a moment."""
        return len(self.vector) == 0

    def full(self):
        """The vector has max_elems elements, at a moment. It may have no room earlier, where memory ends."""
        return len(self.vector) >= self.vector.stat().max_elems

    def close(self):
        """Closes the vector; it is not removed."""
        self.vector.close()

    def __enter__(self):
        self.vector.__enter__()
        return self

    def __exit__(self, *unused):
        self.close()

    def __repr__(self):
        return "<lfvec.LifoQueue on {!r}>".format(self.vector)
