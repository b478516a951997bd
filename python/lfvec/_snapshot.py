"""A picture of elements as of one version."""

import sys
from collections.abc import Sequence

from . import _codec
from ._native import Memory

_PART = 4096  # elements that an iteration makes of bytes at a time


def _unpickle(spelling, data, size, version):
    return Snapshot(_codec.Bytes(size) if spelling is bytes else _codec.of_format(spelling), data, version)


class Snapshot(Memory, Sequence):
    """Elements as they were at `version`: a sequence that nobody changes any more.

    numpy.asarray() of it copies nothing, and numbers keep their type: of a record it has the fields f0, f1, ..., or those of the dtype that
    the vector was given as a format. It has the buffer protocol as well, so that memoryview() and whatever else reads memory take it; a
    module without its extension (lfvec.NATIVE) has that only of `data`.

    `data` is a read-only memoryview: of items where the format is one of a single native number, of bytes otherwise.
    """

    __slots__ = ("_codec", "_view", "version")

    def __init__(self, codec, memory, version):
        self._codec = codec
        self._view = memoryview(memory).toreadonly()
        self.version = version
        self._hold(self._view, *codec.exported())

    @property
    def data(self):
        """The elements' memory."""
        return self._codec.view(self._view)

    def __array__(self, dtype=None, copy=None):
        """For numpy.asarray(), where numpy does not take the buffer."""
        array = self._codec.array(self._view)
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError("elements are of {}: an array of {} is a copy".format(array.dtype, dtype))
            return array.astype(dtype)
        return array.copy() if copy else array

    def __len__(self):
        return len(self._view) // self._codec.size

    def _element(self, index):
        size = self._codec.size
        return self._codec.unpack(self._view[index * size : (index + 1) * size])

    def __getitem__(self, index):
        if isinstance(index, slice):
            chosen = range(len(self))[index]
            if chosen.step != 1:
                return [self._element(i) for i in chosen]
            size = self._codec.size
            return self._codec.unpack_many(self._view[chosen.start * size : chosen.stop * size])
        return self._element(range(len(self))[index])

    def __iter__(self):
        part = _PART * self._codec.size
        for at in range(0, len(self._view), part):
            yield from self._codec.unpack_many(self._view[at : at + part])

    def __contains__(self, value):
        return any(value == one for one in self)

    def index(self, value, start=0, stop=None):
        """The index of the first element that is `value`. ValueError if there is none."""
        return self.tolist().index(value, start, sys.maxsize if stop is None else stop)

    def tolist(self):
        """The elements as a list."""
        return self._codec.unpack_many(self._view)

    def __reduce__(self):
        return _unpickle, (self._codec.spelling, bytes(self._view), self._codec.size, self.version)

    def __eq__(self, other):
        if isinstance(other, Snapshot):
            return self.tolist() == other.tolist()
        return NotImplemented

    __hash__ = None

    def __repr__(self):
        return "<lfvec.Snapshot of {} elements, version {}>".format(len(self), self.version)
