"""Batches: the part of Vector that is about many elements at once: batches, pictures of one version, slices, what a sequence has."""

import errno
import itertools
import operator
import sys
from ctypes import byref, c_uint64

from . import _buffer, _library, _structs
from ._errors import FullError, RangeError, error
from ._snapshot import Snapshot

_short, _long = _library.short, _library.long

_UNASKED = 1 << 20  # bytes that are taken by a size without asking whether the segment can hold so much


class Batches:
    """See Vector."""

    def extend(self, values):
        """Appends many elements and returns the index of the first, or None if there are none.

        values is an iterable, or anything with the buffer protocol (bytes, array.array, a numpy array, ...), whose memory is copied as it is:
        its items, or its rows, must have the size of elements, and be of their kind, field by field.

        Up to batch_most elements are one atomic step; more are several, between which others may push and pop. Of a FullError, `pushed`
        says how many found room.
        """
        view, count = self._source(values)
        first, index, done = None, c_uint64(), 0
        with _buffer.address(view) as start:
            while done < count:
                with self._use():
                    result = _long.push_n(self, start + done * self._codec.size, count - done, byref(index))
                if result < 0:
                    raise self._partial(-result, done)
                first = index.value if done == 0 else first
                done += result
        return first

    def extend_parts(self, values):
        """As extend(), but returns where the elements are: a list of ranges of indexes, one for each atomic step, in the order of values.

        Elements that others pushed meanwhile may lie between two of them. Of a FullError, `parts` has the ranges of those that found room.
        """
        view, count = self._source(values)
        room, ranges, done = (_structs.CPart * 64)(), [], 0
        with _buffer.address(view) as start:
            while done < count:
                with self._use():
                    result = _long.push_n_parts(self, start + done * self._codec.size, count - done, room, len(room))
                if result < 0:
                    failure = self._partial(-result, done)
                    if isinstance(failure, FullError):
                        failure.parts = ranges
                    raise failure
                told, done = done, done + result
                for part in itertools.takewhile(lambda _: told < done, room):
                    ranges.append(range(part.first, part.first + part.count))
                    told += part.count
        return ranges

    def _source(self, values):
        """A memoryview of values, and how many elements it has."""
        self._must_be_open()
        try:
            view = memoryview(values)
        except TypeError:
            view = memoryview(self._codec.pack_many(values))
            return view, view.nbytes // self._codec.size
        count = _buffer.elements(view, self._codec)
        return _buffer.contiguous(view), count

    def _partial(self, number, done):
        failure = self._error(number)
        if isinstance(failure, FullError):
            failure.pushed = done
        return failure

    def pop_n(self, n):
        """Removes up to n elements and returns them as a list, the last one first; fewer, or none, if there are not so many."""
        memory = self._memory(min(operator.index(n), self._held(len(self))))
        count = self.pop_into(memory)
        return self._codec.unpack_many(memoryview(memory)[: count * self._codec.size])

    def pop_into(self, buffer):
        """Removes as many elements as fit into a writable buffer, the last one first, and returns how many there were."""
        result = self._fill(buffer, lambda start, count: _long.pop_n(self, start, count))
        return 0 if result == -errno.EAGAIN else self._checked(result)

    def get_n(self, first, n):
        """A list of up to n elements from `first` on. Each was there during the call, not all at one moment: see snapshot()."""
        first = self._index(first)
        memory = self._memory(min(operator.index(n), max(1, self._held(len(self)) - first)))
        count = self.get_into(memory, first)
        return self._codec.unpack_many(memoryview(memory)[: count * self._codec.size])

    def get_into(self, buffer, first=0):
        """Copies as many elements as fit into a writable buffer, from `first` on, and returns how many there were."""
        first = self._index(first)
        return self._checked(self._fill(buffer, lambda start, count: _long.get_n(self, first, start, count)))

    def _held(self, count):
        """Of `count` elements, as the size has it, as many as the segment has memory for: the size is a word that others can damage."""
        return count if count * self._codec.size <= _UNASKED else min(count, _short.capacity(self))

    def _memory(self, count, room=bytearray):
        self._must_be_open()
        if operator.index(count) < 0:
            raise ValueError("a count is not negative")
        return room(count * self._codec.size)

    def _fill(self, buffer, call):
        """call(address, elements that fit) on the memory of a writable buffer: how many it has filled, or a negative errno."""
        view = memoryview(buffer)
        if view.readonly:
            raise TypeError("the buffer is read-only")
        count = _buffer.elements(view, self._codec)
        if view.c_contiguous:
            with _buffer.address(view, writable=True) as start, self._use():
                return call(start, count)
        return self._fill_strided(view, call)

    def _fill_strided(self, view, call):
        """The library knows no strides: by a copy, of which as many elements as there are go where they belong."""
        copy = bytearray(view.nbytes)
        result = self._fill(copy, call)
        _buffer.scatter(copy, max(0, result) * self._codec.size, view)
        return result

    # ---- pictures ------------------------------------------------------------------------------------------------------------------------

    def snapshot(self, first=0, n=None):
        """n elements from `first` on, or all, as of one version: a Snapshot. BusyError if others change them all the time."""
        return Snapshot(self._codec, *self._picture(first, n, bytearray))

    def _picture(self, first, n, room):
        """Memory, room(bytes), with n elements or all, and their version."""
        first = self._index(first)
        while True:
            there = len(self) - first
            count = there if n is None else n
            if there < max(0, count):
                raise self._error(errno.ERANGE)
            if self._held(count) < count:
                raise self._error(errno.EBADMSG)
            memory = self._memory(count, room)
            try:
                return memory, self.snapshot_into(memory, first)
            except RangeError:
                pass  # it has shrunk meanwhile

    def snapshot_into(self, buffer, first=0):
        """As many elements as a writable buffer holds, from `first` on, all as of one version, which is returned."""
        first, version = self._index(first), c_uint64()
        result = self._fill(buffer, lambda start, count: _long.snapshot(self, first, start, count, byref(version)) or count)
        if result == -errno.EAGAIN:
            raise self._busy_error()
        self._checked(result)
        return version.value

    def _busy_error(self):
        return error(errno.EBUSY, "{}: others change the range all the time; try again, or take fewer elements".format(self._name))

    def _slice(self, index):
        while True:
            chosen = range(len(self))[index]
            if not chosen:
                return []
            low, high = min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1])
            try:
                return self.snapshot(low, high - low + 1)[:: chosen.step]
            except RangeError:
                pass  # it has shrunk meanwhile: the slice means others now

    def _set_slice(self, index, value):
        chosen, values = range(len(self))[index], [self._codec.pack(one) for one in value]
        if len(chosen) != len(values):
            raise ValueError("{} values for {} elements; a slice does not change the size".format(len(values), len(chosen)))
        for at, element in zip(chosen, values):
            self._checked(_short.set(self, at, element))

    # ---- what a sequence has, all of it of one version -----------------------------------------------------------------------------------

    def __iter__(self):
        """Over a snapshot of all elements."""
        return iter(self.snapshot())

    def __reversed__(self):
        return reversed(self.snapshot().tolist())

    def __contains__(self, value):
        return value in self.snapshot().tolist()

    def index(self, value, start=0, stop=None):
        """The index of the first element that is `value`, as of a moment. ValueError if there is none."""
        return self.snapshot().tolist().index(value, start, sys.maxsize if stop is None else stop)

    def count(self, value):
        """How many elements are `value`, at a moment."""
        return self.snapshot().tolist().count(value)

    def __array__(self, dtype=None, copy=None):
        """For numpy.asarray(): a copy of all elements, of one version, in a dtype of their own."""
        if copy is False:
            raise ValueError("an array of a vector is a copy; without one: numpy.asarray(v.snapshot())")
        import numpy

        array = self._codec.array(self._picture(0, None, lambda size: numpy.empty(size, numpy.uint8))[0])
        return array if dtype is None else array.astype(dtype, copy=False)
