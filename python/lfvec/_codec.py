"""Elements as Python sees them: what a format makes of the bytes of an element, and of many at once.

A codec has: size; format, a struct format or None for raw bytes; pack(value) -> bytes; unpack(buffer) -> value; pack_many(values) -> bytes;
unpack_many(memoryview) -> list; view(memoryview) -> a memoryview with items, where that is possible;
accept(format of a buffer, bytes of one of its items).
"""

import re
import struct
import sys

_DEFAULT_INTS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_KINDS = {"?": "bool", "c": "bytes"}
_KINDS.update({code: "signed integer" for code in "bhilqn"})
_KINDS.update({code: "unsigned integer" for code in "BHILQNP"})
_KINDS.update({code: "float" for code in "efd"})
_KINDS.update({"Zf": "complex number", "Zd": "complex number"})  # of buffers; struct has none
_SCALAR = re.compile(r"^([@=<>!]?)(Z?[a-zA-Z?])$")
_SWAPPED = "<" if sys.byteorder == "big" else ">!"


def _kind(form):
    """What a format of one item stands for, and whether its bytes are in the other order; None for any other format."""
    match = _SCALAR.match(form or "B")
    if not match or match[2] not in _KINDS:
        return None
    return _KINDS[match[2]], match[1] != "" and match[1] in _SWAPPED and match[2] not in "bBc?"


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

    @staticmethod
    def accept(form, itemsize):
        """Bytes of whatever sort."""


class Record:
    """Elements as tuples, by a struct format of several fields."""

    counts = False

    def __init__(self, form):
        self._struct = struct.Struct(form)
        self._strings = _strings(form)
        self.format, self.size = form, self._struct.size

    def pack(self, value):
        if self._strings:
            value = tuple(value)
            _must_fit(value, self._strings)
        return self._struct.pack(*value)

    def unpack(self, data):
        return self._struct.unpack(data)

    def pack_many(self, values):
        return b"".join(map(self.pack, values))

    def unpack_many(self, view):
        return list(self._struct.iter_unpack(view))

    @staticmethod
    def view(view):
        return view

    @staticmethod
    def accept(form, itemsize):
        """A structured array has a format of its own, which is not compared: its size is."""


class Scalar:
    """Elements as single values, by a struct format of one field."""

    def __init__(self, form):
        self._struct = struct.Struct(form)
        self._strings = _strings(form)
        self.format, self.size = form, self._struct.size
        self._order, self._code = re.match(r"\s*([@=<>!]?)(.*)", form, re.DOTALL).groups()
        self._code = self._code.strip()
        self._kind = _kind(self._order + self._code)
        self.counts = bool(self._kind) and "integer" in self._kind[0] and not self._kind[1]

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
        return len(self._code) == 1 and self._code in _KINDS

    def view(self, view):
        if not self._repeats() or self._order not in ("", "@"):
            return view
        try:
            return view.cast(self._code)
        except ValueError:  # memoryview does not know every code that struct knows
            return view

    def accept(self, form, itemsize):
        """A float is no integer, nor is a signed one unsigned: what a buffer has is taken as it is, never converted. Nor are two numbers one."""
        theirs, ours = _kind(form), self._kind
        if theirs and ours and theirs != ours:
            raise TypeError("items of format {!r} ({}); elements are {!r} ({})".format(form, theirs[0], self.format, ours[0]))
        if ours and itemsize != self.size:
            raise TypeError("rows of items of {} bytes; elements are {!r}, single items of {}".format(itemsize, self.format, self.size))


def of_format(form):
    """The codec of a struct format."""
    size = struct.calcsize(form)
    if not 1 <= size <= 65536:
        raise ValueError("{!r} has {} bytes; elements have 1 to 65536".format(form, size))
    fields = len(struct.unpack(form, bytes(size)))
    if fields == 0:
        raise ValueError("{!r} has no field".format(form))
    return Scalar(form) if fields == 1 else Record(form)


def of_size(size, wanted):
    """The codec of elements of this size: wanted is bytes, int, or None for integers where there are such, and bytes elsewhere."""
    if wanted is bytes or (wanted is None and size not in _DEFAULT_INTS):
        return Bytes(size)
    if size not in _DEFAULT_INTS:
        raise ValueError("elements of {} bytes are no integers; give a struct format, or bytes".format(size))
    return Scalar(_DEFAULT_INTS[size])


def is_format(wanted):
    """A struct format, rather than None, int or bytes."""
    if wanted is None or wanted is int or wanted is bytes:
        return False
    if isinstance(wanted, str):
        return True
    raise TypeError("format is a struct format, int, bytes or None, not {!r}".format(wanted))
