"""The fields of an element, in the three languages that describe them, and what one says in another.

 - Formats of struct and of the buffer protocol (PEP 3118): "IIf", "T{I:id:xxxxd:weight:}". The second is a superset of the first.
 - dtypes of numpy, which has the second kind of format for each that means something to other processes.
 - The text that the segment keeps (lfvec_attr.elem_format): "u32,u32,f32".

All are reduced to a list of Field, and two are the same if these lists are.
"""

import collections
import re
import struct
import sys

Field = collections.namedtuple("Field", "at kind size swapped")  # offset, one of the kinds below, bytes, in the other byte order

_KINDS = {code: "signed integer" for code in "bhilqn"}
_KINDS.update({code: "unsigned integer" for code in "BHILQNP"})
_KINDS.update({code: "float" for code in "efd"})
_KINDS.update({"?": "bool", "c": "bytes", "s": "bytes", "p": "Pascal string"})
_CODES = {("signed integer", 1 << k): "bhiq"[k] for k in range(4)}
_CODES.update({("unsigned integer", 1 << k): "BHIQ"[k] for k in range(4)})
_CODES.update({("float", 2): "e", ("float", 4): "f", ("float", 8): "d", ("bool", 1): "?"})
_SWAPPED = "<" if sys.byteorder == "big" else ">!"

_TOKEN = re.compile(r"\s*(?:([@=<>!^])|\((\d+(?:,\d+)*)\)|(\d+)|(T\{)|(\})|:([^:]*):|([A-Za-z?]))")
_TEXT = re.compile(r"([uihfsx])([1-9][0-9]*)")
_TEXT_ROOM = 63  # characters of LFVEC_FORMAT_BYTES without the zero
_TEXT_MOST = 56  # fields


class _Parser:
    """Walks over a format once. Of what it does not know it says ValueError."""

    def __init__(self, form):
        self._form, self._place, self._order = form, 0, "@"
        self.found = []

    def _next(self):
        token = _TOKEN.match(self._form, self._place)
        if not token:
            raise ValueError("{!r} has no meaning at {!r}".format(self._form, self._form[self._place :]))
        self._place = token.end()
        return token.groups()

    def record(self, at, inner=False):
        """Fields from the offset `at` on, up to the end of the record. Returns the offset behind them."""
        count, given = 1, False
        while self._form[self._place :].strip():
            order, shape, number, opens, closes, _, code = self._next()
            if order:
                self._order = order
                continue
            if number or shape:
                for one in (number or shape).split(","):
                    count *= int(one)
                given = True
                continue
            if closes and inner:
                return at
            if opens:
                at = self._records(at, count)
            elif code:
                at = self._items(at, code, count, given)
            count, given = 1, False
        if inner:
            raise ValueError("{!r} has no end".format(self._form))
        return at

    def _records(self, at, count):
        start, order = self._place, self._order
        for _ in range(count):
            self._place, self._order = start, order
            at = self.record(at, inner=True)
        return at

    def _items(self, at, code, count, given):
        if code == "x":
            return at + count
        if code not in _KINDS:
            raise ValueError("{!r}: {!r} means nothing to other processes".format(self._form, code))
        order = "@" if self._order == "^" else self._order
        size = struct.calcsize(order + code)
        if self._order == "@":
            at = -(-at // self._alignment(code)) * self._alignment(code)
        if code in "sp":
            size, count = count, 1
        swapped = order in _SWAPPED and size > 1 and code not in "sp"
        self.found += [Field(at + k * size, _KINDS[code], size, swapped) for k in range(count)]
        return at + count * size

    @staticmethod
    def _alignment(code):
        return struct.calcsize("c" + code) - struct.calcsize(code)


def of_format(form):
    """The fields of a format of struct or of a buffer; ValueError if that is not known."""
    parser = _Parser(form)
    parser.record(0)
    return parser.found


def rows(fields, size, count):
    """The fields of `count` items one after the other, each of `size` bytes."""
    return [field._replace(at=field.at + k * size) for k in range(count) for field in fields]


def to_struct(fields, size):
    """A struct format of these fields in this place, gaps named; ValueError if there is none."""
    orders = {field.swapped for field in fields if field.kind in ("signed integer", "unsigned integer", "float") and field.size > 1}
    if len(orders) > 1:
        raise ValueError("fields in both byte orders")
    codes = [code(field) for field in fields]
    swapped = True in orders
    native = "".join(codes)
    if not swapped and struct.calcsize(native) == size and of_format(native) == fields:
        return native
    order, at, parts = (_SWAPPED[0] if swapped else "="), 0, []
    for field, spelt in zip(fields, codes):
        parts.append("{}x".format(field.at - at) if field.at > at else "")
        parts.append(spelt)
        at = field.at + field.size
    parts.append("{}x".format(size - at) if size > at else "")
    return (order if swapped or len(fields) > 1 or size > at else "") + "".join(parts)


def code(field):
    """The letter of struct for a field, with the length of a string."""
    if field.kind in ("bytes", "Pascal string"):
        return "{}{}".format(field.size, "s" if field.kind == "bytes" else "p")
    letter = _CODES.get((field.kind, field.size))
    if letter is None:
        raise ValueError("a {} of {} bytes".format(field.kind, field.size))
    return letter


# ---- dtypes of numpy -----------------------------------------------------------------------------------------------------------------------


def is_dtype(wanted):
    """A dtype, or one of numpy's types of a number. There is none where numpy was not imported."""
    numpy = sys.modules.get("numpy")
    return bool(numpy) and (isinstance(wanted, numpy.dtype) or (isinstance(wanted, type) and issubclass(wanted, numpy.generic)))


def of_dtype(dtype):
    """The fields of a dtype; TypeError if what it describes means nothing to other processes."""
    import numpy

    try:
        return of_format(memoryview(numpy.empty(0, dtype)).format)
    except ValueError as reason:
        raise TypeError("{!r} is no format of elements: {}".format(dtype, reason)) from None


def to_dtype(fields, size):
    """The dtype of elements: of a number, or of a record with the fields f0, f1, ..."""
    import numpy

    kinds = {"signed integer": "i", "unsigned integer": "u", "float": "f", "bool": "?", "bytes": "S", "Pascal string": "V"}

    def one(field):
        code = kinds[field.kind]
        return numpy.dtype((_SWAPPED[0] if field.swapped else "=") + code + ("" if code == "?" else str(field.size)))

    if len(fields) == 1 and fields[0].size == size:
        return one(fields[0])
    names = ["f{}".format(k) for k in range(len(fields))]
    return numpy.dtype({"names": names, "formats": list(map(one, fields)), "offsets": [field.at for field in fields], "itemsize": size})


# ---- the segment's text --------------------------------------------------------------------------------------------------------------------


def _text_type(field):
    letter = {"signed integer": "i", "unsigned integer": "u", "bool": "u", "float": "f", "bytes": "s"}.get(field.kind, "x")
    if field.swapped or (letter == "f" and field.size == 2):
        letter = "x"  # known here, and to nobody else: not to be taken for a number
    return "{}{}".format(letter, field.size if letter in "sx" else 8 * field.size)


def _with_gaps(fields, size):
    """The types, every gap between them as bytes."""
    at, parts = 0, []
    for field in fields:
        parts += ["x{}".format(field.at - at)] if field.at > at else []
        parts.append(_text_type(field))
        at = field.at + field.size
    return parts + (["x{}".format(size - at)] if size > at else [])


def to_text(fields, size):
    """What the segment is to keep; empty if there is no text that says it."""
    places = [(field.at, field.size) for field in fields]
    for parts in (list(map(_text_type, fields)), _with_gaps(fields, size)):
        text = ",".join(parts)
        if len(text) > _TEXT_ROOM or len(parts) > _TEXT_MOST:
            continue
        there = {(field.at, field.size) for field in of_text(text, size)}
        if there.issuperset(places):
            return text
    return ""


def of_text(text, size):
    """The fields of a segment's text, as a C compiler lays them out, or without gaps if only that has the size. None if there are none."""
    kinds = {"u": "unsigned integer", "h": "unsigned integer", "i": "signed integer", "f": "float", "s": "bytes", "x": "bytes"}
    types = [_TEXT.fullmatch(one) for one in text.split(",")]
    if None in types:
        return []
    for packed in (False, True):
        at, widest, found = 0, 1, []
        for letter, number in (one.groups() for one in types):
            each = int(number) if letter in "sx" else int(number) // 8
            align = 1 if packed or letter in "sx" else each
            at, widest = -(-at // align) * align, max(widest, align)
            found.append(Field(at, kinds[letter], each, False))
            at += each
        if -(-at // widest) * widest == size:
            return found
    return []
