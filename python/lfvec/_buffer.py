"""Memory of other objects (bytes, array.array, numpy arrays, ...) by the buffer protocol: where it is, and how many elements it holds."""

import contextlib
import ctypes
import math
import re

_WRITABLE = 1  # PyBUF_WRITABLE; PyBUF_SIMPLE is 0


class _PyBuffer(ctypes.Structure):
    """Py_buffer"""

    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    ]


_get = ctypes.pythonapi.PyObject_GetBuffer
_get.argtypes = [ctypes.py_object, ctypes.POINTER(_PyBuffer), ctypes.c_int]
_get.restype = ctypes.c_int
_release = ctypes.pythonapi.PyBuffer_Release
_release.argtypes = [ctypes.POINTER(_PyBuffer)]
_release.restype = None


@contextlib.contextmanager
def address(view, writable=False):
    """The address of a contiguous memoryview's memory, which stays where it is until the block ends."""
    buffer = _PyBuffer()
    _get(view, ctypes.byref(buffer), _WRITABLE if writable else 0)
    try:
        yield buffer.buf
    finally:
        _release(ctypes.byref(buffer))


_scatter = ctypes.pythonapi.PyBuffer_FromContiguous
_scatter.argtypes = [ctypes.POINTER(_PyBuffer), ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_char]
_scatter.restype = ctypes.c_int
_FULL = 0x011D  # PyBUF_FULL, writable


def contiguous(view):
    """The view, or a copy of what it shows: the library knows no strides."""
    return view if view.c_contiguous else memoryview(view.tobytes())


def scatter(data, size, view):
    """The first `size` bytes of data to where they belong in a view with strides, row by row."""
    buffer = _PyBuffer()
    _get(view, ctypes.byref(buffer), _FULL)
    try:
        with address(memoryview(data)) as start:
            _scatter(ctypes.byref(buffer), start, size, b"C")
    finally:
        _release(ctypes.byref(buffer))


def _rows(view, size):
    """An element may be an item, or a row of them: the leading dimensions then count. None if neither fits."""
    for k in range(view.ndim, 0, -1):
        if view.itemsize * math.prod(view.shape[k:]) == size:
            return math.prod(view.shape[:k])
    return None


def elements(view, codec):
    """How many elements of the codec a memoryview holds; TypeError or ValueError if it is not made of such."""
    if view.ndim == 0:
        raise TypeError("a single item is no batch; push() takes it")
    if "O" in re.sub(":[^:]*:", "", view.format):
        raise TypeError("the buffer holds Python objects, which mean nothing to other processes")
    if view.format in ("B", "c"):  # bytes, whatever they are of
        count, rest = divmod(view.nbytes, codec.size)
        if rest:
            raise ValueError("{} bytes are no whole number of elements of {}".format(view.nbytes, codec.size))
        return count
    count = _rows(view, codec.size)
    if count is None:
        raise TypeError("items of {} bytes, format {!r}; elements have {}".format(view.itemsize, view.format, codec.size))
    codec.accept(view.format, view.itemsize)
    return count
