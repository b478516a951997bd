"""A picture of elements as of one version."""

from collections.abc import Sequence

from . import _codec

_PART = 4096  # elements that an iteration makes of bytes at a time


def _unpickle(form, data, size, version):
    return Snapshot(_codec.Bytes(size) if form is None else _codec.of_format(form), data, version)


class Snapshot(Sequence):
    """Elements as they were at `version`: a sequence that nobody changes any more.

    `data` is a read-only memoryview of them: of items where the format is one of a single native number, of bytes otherwise.
    numpy.asarray() of it, or numpy.frombuffer() with a dtype, copies nothing.
    """

    __slots__ = ("_codec", "_view", "version")

    def __init__(self, codec, memory, version):
        self._codec = codec
        self._view = memoryview(memory).toreadonly()
        self.version = version

    @property
    def data(self):
        """The elements' memory."""
        return self._codec.view(self._view)

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

    def tolist(self):
        """The elements as a list."""
        return self._codec.unpack_many(self._view)

    def __reduce__(self):
        return _unpickle, (self._codec.format, bytes(self._view), self._codec.size, self.version)

    def __eq__(self, other):
        if isinstance(other, Snapshot):
            return self.tolist() == other.tolist()
        return NotImplemented

    __hash__ = None

    def __repr__(self):
        return "<lfvec.Snapshot of {} elements, version {}>".format(len(self), self.version)
