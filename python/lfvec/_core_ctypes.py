"""What core.c does, by ctypes: for a Python without a compiler when the module was installed, or where LFVEC_PURE_PYTHON is set. Slower.

A call passes the vector itself to the library: ctypes reads the handle, `_as_parameter_`, in the same step, with the GIL held.
"""

import errno
from ctypes import byref, c_char, c_uint64

from ._library import short as _short


class Core:
    """The part of Vector that is about single elements."""

    _as_parameter_ = None
    _pack, _unpack, _cell = bytes, bytes, c_char * 1  # of one that was never attached, of which every call says so

    def _connect(self, handle, size, kind, pack, unpack, spread):
        self._pack, self._unpack = pack, unpack
        self._cell = c_char * size

    def _disconnect(self):
        """_as_parameter_ is None: that is all there is to it."""

    def __len__(self):
        size = _short.size(self)
        if size == 0 and self._as_parameter_ is None:
            raise self._error(errno.EINVAL)
        return size

    def push(self, value):
        """Appends an element and returns its index. FullError when memory or the limit is reached; nothing is changed then."""
        index = c_uint64()
        result = _short.push(self, self._pack(value), byref(index))
        if result < 0:
            raise self._error(-result)
        return index.value

    def pop(self, *index):
        """Removes the last element and returns it. EmptyError (an IndexError) if there is none. No other element can be removed."""
        if index:
            raise TypeError("pop() removes the last element, and takes no index: elements cannot be removed from elsewhere")
        cell = self._cell()
        result = _short.pop(self, cell)
        if result < 0:
            raise self._error(-result)
        return self._unpack(cell)

    def get(self, index):
        """Element `index`; counted from the end if negative. RangeError (an IndexError) beyond the size."""
        cell = self._cell()
        result = _short.get(self, self._index(index), cell)
        if result < 0:
            raise self._error(-result)
        return self._unpack(cell)

    def set(self, index, value):
        """Replaces element `index`."""
        result = _short.set(self, self._index(index), self._pack(value))
        if result < 0:
            raise self._error(-result)

    def __getitem__(self, index):
        return self._slice(index) if isinstance(index, slice) else self.get(index)

    def __setitem__(self, index, value):
        if isinstance(index, slice):
            self._set_slice(index, value)
        else:
            self.set(index, value)

    def __delitem__(self, index):
        raise TypeError("elements are removed from the end only: pop(), pop_n(), clear()")


class Memory:
    """The part of Snapshot that has the buffer protocol in C, and nothing here."""

    __slots__ = ()

    def _hold(self, memory, form, itemsize, row):
        """Nothing is exported."""
