"""Elements as Python sees them: what a format makes of the bytes of an element, and of many at once.

A codec has: size; format, a struct format or None for raw bytes; fields, a list of Field; pack(value) -> bytes; unpack(buffer) -> value;
pack_many(values) -> bytes; unpack_many(memoryview) -> list; view(memoryview) -> a memoryview with items, where that is possible; native, what
core.c can do without it, and spread, what it calls instead of pack() for a tuple; text, what the segment keeps; dtype(); exported(), the items that a snapshot shows; spelling, what makes it again.
"""

import re
import struct
import sys

from . import _fields

_DEFAULT_INTS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_NATIVE = {"unsigned integer": "u", "signed integer": "i", "float": "f", "bool": "?"}


def _strings(form):
    """Of each string among the fields of a struct format: which field it is, and how many bytes it has room for."""
    found, field = [], 0
    for count, code in re.findall(r"(\d*)([a-zA-Z?])", form):
        if code in "sp":
            found.append((field, int(count or 1) - (code == "p")))
        field += {"x": 0, "s": 1, "p": 1}.get(code, int(count or 1))
    return found


def _must_fit(values, strings):
    """struct cuts what is too long, silently; here nothing is lost."""
    for field, size in strings:
        if field < len(values) and isinstance(values[field], (bytes, bytearray)) and len(values[field]) > size:
            raise ValueError("{} bytes; that field has room for {}".format(len(values[field]), size))


class Bytes:
    """Elements as bytes."""

    format = None
    counts = False
    native = "s"
    spread = None
    text = ""
    spelling = bytes

    def __init__(self, size):
        self.size = size

    def pack(self, value):
        data = bytes(memoryview(value))
        if len(data) != self.size:
            raise ValueError("{} bytes; elements have {}".format(len(data), self.size))
        return data

    @staticmethod
    def unpack(data):
        return bytes(data)

    def pack_many(self, values):
        return b"".join(map(self.pack, values))

    def unpack_many(self, view):
        return [bytes(view[at : at + self.size]) for at in range(0, len(view), self.size)]

    @staticmethod
    def view(view):
        return view

    def array(self, memory):
        """A numpy array on the memory of elements: rows of bytes."""
        import numpy

        return numpy.frombuffer(memory, numpy.uint8).reshape(-1, self.size)

    def exported(self):
        return b"B", 1, self.size

    @staticmethod
    def accept(form, itemsize):
        """Bytes of whatever sort."""


class _Structured:
    """What the two kinds of codec by a struct format have in common."""

    def __init__(self, form, dtype=None):
        self._struct = struct.Struct(form)
        self._strings = _strings(form)
        self._dtype = dtype
        self.format, self.size = form, self._struct.size
        self.fields = _fields.of_format(form)
        self.text = _fields.to_text(self.fields, self.size)
        self.spelling = form if dtype is None else dtype

    def dtype(self):
        """The dtype of elements; numpy is imported for it."""
        if self._dtype is None:
            self._dtype = _fields.to_dtype(self.fields, self.size)
        return self._dtype

    def array(self, memory):
        """A numpy array on the memory of elements."""
        import numpy

        return numpy.frombuffer(memory, self.dtype())

    def accept(self, form, itemsize):
        """A float is no integer, nor is a signed one unsigned: what a buffer has is taken as it is, never converted. Nor are two numbers one."""
        try:
            item = _fields.of_format(form)
        except ValueError:
            item = None
        count = self.size // itemsize
        if item is None or _fields.rows(item, itemsize, count) != self.fields:
            what = "items of format {!r}".format(form) if count == 1 else "rows of {} items of format {!r}".format(count, form)
            advice = "convert them, or if you mean their bytes, say so by memoryview(a).cast('B') or a.view() with a dtype"
            raise TypeError("{}{}; elements are {!r}; {}".format(what, _kinds(item), self.format, advice))

    def exported(self):
        """Each gap by its bytes, for readers that know nothing of alignment. A dtype that was asked for has a format of its own."""
        if self.spelling is not self.format:
            return memoryview(self.array(b"")).format.encode(), self.size, 0
        at, parts = 0, []
        for k, field in enumerate(self.fields):
            parts.append("{}x".format(field.at - at) if field.at > at else "")
            parts.append("{}{}:f{}:".format(">" if field.swapped else "=", _fields.code(field), k))
            at = field.at + field.size
        parts.append("{}x".format(self.size - at) if self.size > at else "")
        return "T{{{}}}".format("".join(parts)).encode(), self.size, 0


def _kinds(fields):
    return " ({})".format(", ".join(sorted({field.kind for field in fields}))) if fields else ""


class Record(_Structured):
    """Elements as tuples, by a struct format of several fields."""

    counts = False
    native = ""

    def __init__(self, form, dtype=None):
        super().__init__(form, dtype)
        self.unpack = self._struct.unpack
        self.spread = None if self._strings else self._struct.pack

    def pack(self, value):
        if self._strings:
            value = tuple(value)
            _must_fit(value, self._strings)
        return self._struct.pack(*value)

    def pack_many(self, values):
        return b"".join(map(self.pack, values))

    def unpack_many(self, view):
        return list(self._struct.iter_unpack(view))

    @staticmethod
    def view(view):
        return view


class Scalar(_Structured):
    """Elements as single values, by a struct format of one field."""

    spread = None

    def __init__(self, form, dtype=None):
        super().__init__(form, dtype)
        (field,) = self.fields
        self._order, self._code = re.match(r"\s*([@=<>!]?)(.*)", form, re.DOTALL).groups()
        self._code = self._code.strip()
        whole = field.size == self.size and not field.swapped
        self.counts = whole and "integer" in field.kind
        self.native = _NATIVE.get(field.kind, "") if whole and field.size != 2 or self.counts else ""

    def pack(self, value):
        if self._strings:
            _must_fit((value,), self._strings)
        return self._struct.pack(value)

    def unpack(self, data):
        return self._struct.unpack(data)[0]

    def pack_many(self, values):
        if not self._repeats():
            return b"".join(map(self.pack, values))
        values = list(values)
        return struct.pack("{}{}{}".format(self._order, len(values), self._code), *values)

    def unpack_many(self, view):
        if self._repeats():
            return list(struct.unpack("{}{}{}".format(self._order, len(view) // self.size, self._code), view))
        return [value for (value,) in self._struct.iter_unpack(view)]

    def _repeats(self):
        return len(self._code) == 1 and self._code not in "sp"

    def view(self, view):
        if not self._repeats() or self._order not in ("", "@"):
            return view
        try:
            return view.cast(self._code)
        except ValueError:  # memoryview does not know every code that struct knows
            return view

    def exported(self):
        (field,) = self.fields
        if field.size != self.size:
            return super().exported()
        return ((">" if field.swapped else "") + _fields.code(field)).encode(), self.size, 0


def of_format(form):
    """The codec of a struct format, or of a dtype."""
    dtype = None
    if not isinstance(form, str):
        form, dtype = _of_dtype(form)
    size = struct.calcsize(form)
    if not 1 <= size <= 65536:
        raise ValueError("{!r} has {} bytes; elements have 1 to 65536".format(form, size))
    fields = len(struct.unpack(form, bytes(size)))
    if fields == 0:
        raise ValueError("{!r} has no field".format(form))
    return Scalar(form, dtype) if fields == 1 else Record(form, dtype)


def _of_dtype(dtype):
    """Its struct format, and the dtype itself, which knows the names of fields."""
    dtype = sys.modules["numpy"].dtype(dtype)
    try:
        return _fields.to_struct(_fields.of_dtype(dtype), dtype.itemsize), dtype
    except ValueError as reason:
        raise TypeError("{!r} is no format of elements: {}".format(dtype, reason)) from None


def of_text(text, size):
    """The codec of what the segment keeps; None if it keeps nothing, or what is not known here."""
    fields = _fields.of_text(text, size) if text else []
    return of_format(_fields.to_struct(fields, size)) if fields else None


def of_size(size, wanted):
    """The codec of elements of this size: wanted is bytes, int, or None for integers where there are such, and bytes elsewhere."""
    if wanted is bytes or (wanted is None and size not in _DEFAULT_INTS):
        return Bytes(size)
    if size not in _DEFAULT_INTS:
        raise ValueError("elements of {} bytes are no integers; give a struct format, or bytes".format(size))
    return Scalar(_DEFAULT_INTS[size])


def is_format(wanted):
    """A struct format or a dtype, rather than None, int or bytes."""
    if wanted is None or wanted is int or wanted is bytes:
        return False
    if isinstance(wanted, str) or _fields.is_dtype(wanted):
        return True
    raise TypeError("format is a struct format, a numpy dtype, int, bytes or None, not {!r}".format(wanted))
