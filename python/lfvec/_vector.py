"""Vector: an attachment to a segment: its life, and the operations on one element that core.c has not.

A call passes the vector itself to the library: ctypes reads the handle, `_as_parameter_`, in the same step, with the GIL held. close() sets
it to None first, so that later calls get -EINVAL, and then waits for the calls that let other threads run: each of those is in `_users`.
"""

import contextlib
import ctypes
import errno
import operator
import os
import threading
import time
from collections.abc import Sequence
from ctypes import byref, c_char, c_uint64, c_void_p

from . import _aio, _codec, _library, _names, _structs
from ._batches import Batches
from ._errors import EmptyError, call_error, closed_error, error
from ._leases import Leases
from ._native import Core
from ._reports import Reports

_short, _long = _library.short, _library.long

# A wait in C is not ended by a signal: between two parts of it Python sees to Ctrl-C, and to a close() by another thread.
_WAIT_PART = 0.1


def _attributes(given):
    """struct lfvec_attr with what is given, or None if nothing is."""
    if not given:
        return None
    attr = _structs.CAttr()
    _short.attr_init(byref(attr))
    for name, value in given.items():
        if name != "elem_format":
            value = operator.index(value)
        setattr(attr, name, value)
        if getattr(attr, name) != value:
            raise ValueError("{} = {} is out of range".format(name, value))
    return attr


def _checked_mode(mode):
    """As `lfvec-shmctl create --mode` has it: permission bits, and nothing else."""
    if mode is not None and not 0 <= operator.index(mode) <= 0o777:
        raise ValueError("mode = {} is not permission bits such as 0o660 (in octal, as in Python and chmod)".format(mode))
    return mode


def _element(form, elem_size):
    """The attributes that a format asks for: none, if it is one for whatever there is."""
    if not _codec.is_format(form):
        if form is int and elem_size is not None:
            _codec.of_size(elem_size, int)  # refused before anything is created
        return {"elem_size": elem_size}
    codec = _codec.of_format(form)
    if elem_size not in (None, codec.size):
        raise ValueError("format {!r} has {} bytes, and elem_size is {}".format(form, codec.size, elem_size))
    return {"elem_size": codec.size, "elem_format": codec.text.encode() or None}


def last_version():
    """The version at which this thread's last operation on elements took effect; 0 before the first."""
    return _short.last_version()


def _reattach(name, form, readonly, uuid):
    """What a pickle calls: the same segment again, in another process."""
    vector = Vector(name, form, create=False, readonly=readonly)
    if vector.stat().uuid != uuid:
        vector.close()
        raise error(errno.ESTALE, "{}: removed and created anew since this vector was pickled".format(name), name)
    return vector


class Vector(Core, Batches, Leases, Reports, Sequence):
    """An attachment to the segment `name`, which is created if it does not exist: Vector.existing() never creates one.

    format says what an element is: a struct format ("Q", "d", "16s": values; "IIf": tuples), a numpy dtype, bytes, int, or None: what the
    segment says of itself, or else integers if elements have 1, 2, 4 or 8 bytes, otherwise bytes. A struct format or a dtype also gives the
    element size, as elem_size does, and is kept in the segment: who opens it with another one gets a MismatchError. The keywords from elem_tag
    on are those of struct lfvec_attr, and count at creation only; if one of them is given and no size, elements have 8 bytes.

    create=False attaches only; exclusive=True creates only; readonly=True maps read-only, creates nothing and takes no slot. Where a segment
    may be created, one that another user has made is refused with AccessError, unless any_owner=True; root's is joined.

    Any thread may use a vector. A forked child may use it at once and is a participant of its own; a pickled one attaches anew where it is
    unpickled. Closing never removes the segment: unlink() does, and the end of a TemporaryVector.
    """

    _as_parameter_ = None
    _open = ()

    def __init__(
        self,
        name,
        format=None,
        *,
        create=True,
        exclusive=False,
        readonly=False,
        any_owner=False,
        elem_size=None,
        elem_tag=None,
        max_elems=None,
        max_bytes=None,
        max_slots=None,
        leaf_bytes=None,
        slab_bytes=None,
        mode=None,
        numa=None,
        numa_nodes=None,
        hugepages=False,
        prefault=False,
    ):
        if self._open:
            raise TypeError("this vector is attached already; make another one")
        if exclusive and (readonly or not create):
            raise ValueError("exclusive=True creates, which readonly=True and create=False do not")
        asked = {
            **_element(format, elem_size),
            "elem_tag": elem_tag,
            "max_elems": max_elems,
            "max_bytes": max_bytes,
            "max_slots": max_slots,
            "leaf_bytes": leaf_bytes,
            "slab_bytes": slab_bytes,
            "mode": _checked_mode(mode),
            "numa": numa,
            "numa_nodes": numa_nodes,
            "flags": (_structs.HUGEPAGES if hugepages else 0) | (_structs.PREFAULT if prefault else 0) or None,
        }
        given = {key: value for key, value in asked.items() if value is not None}
        self._users, self._waiters, self._holders, self._resting = {}, {}, [], []
        self._name = os.fsdecode(name)
        self._readonly = bool(readonly)
        self._attach(create and not readonly, exclusive, any_owner, _attributes(given))
        try:
            self._choose_codec(format)
        except BaseException:
            self.close()
            raise

    def _attach(self, create, exclusive, any_owner, attr):
        flags = _structs.CREATE if create else 0
        flags |= _structs.EXCL if exclusive else 0
        flags |= _structs.RDONLY if self._readonly else 0
        flags |= _structs.ANY_OWNER if any_owner else 0
        handle = _long.open(_names.c_name(self._name), flags, byref(attr) if attr else None)
        if not handle:
            raise _names.open_error(ctypes.get_errno(), self._name)
        self._open = [handle]
        self._as_parameter_ = c_void_p(handle)

    @classmethod
    def existing(cls, name, format=None, **attributes):
        """Vector(name, format, create=False, ...): a segment that is there already. NotFoundError if there is none of this name."""
        return cls(name, format, create=False, **attributes)

    def _choose_codec(self, form):
        self._codec = self._codec_of(form, _short.elem_size(self))
        self._cell = c_char * self._codec.size
        codec = self._codec
        self._connect(self._open[0], codec.size, codec.native, codec.pack, codec.unpack, codec.spread)

    def _codec_of(self, form, size):
        if _codec.is_format(form):
            return _codec.of_format(form)
        said = _codec.of_text(self.stat().elem_format, size)
        if said is None or form is bytes:
            return _codec.of_size(size, form)
        if form is int and not said.counts:
            raise ValueError("{}: elements are {!r}, no integers".format(self._name, said.format))
        return said

    # ---- the handle's life ---------------------------------------------------------------------------------------------------------------

    def close(self):
        """Ends the attachment; a second time does nothing. The elements stay, and what hold() has on lease goes back.

        Waits for calls of other threads that are under way.
        """
        if self._in_use(threading.get_ident()):
            raise error(errno.EBUSY, "{}: close() from within a call on the same vector".format(self._name), self._name)
        self._as_parameter_ = None
        self._disconnect()
        while self._in_use():
            time.sleep(0.001)
        try:
            handle = self._open.pop()  # one step: of two threads that close, one gets it
        except (IndexError, AttributeError):
            return
        self._end_holders(c_void_p(handle))
        _long.detach(c_void_p(handle))

    def leave(self):
        """Gives back this thread's slot, and an element that it has on lease. The thread may use the vector again, and takes a slot anew."""
        with self._use():
            self._checked(_long.leave(self))

    def _in_use(self, thread=None):
        """By a call of this process, and of this thread if one is given. What a fork copies of the parent's is none here."""
        users, pid = list(self._users.values()), os.getpid()
        return any(user == (pid, thread or user[1]) for user in users)

    @contextlib.contextmanager
    def _use(self):
        token = object()
        self._users[token] = os.getpid(), threading.get_ident()
        try:
            yield
        finally:
            del self._users[token]

    @property
    def closed(self):
        """close() was called."""
        return self._as_parameter_ is None

    def __enter__(self):
        self._must_be_open()
        return self

    def __exit__(self, *unused):
        self.close()

    def __del__(self):
        if self._open:
            self.close()

    def __reduce__(self):
        return _reattach, (self._name, self._codec.spelling, self._readonly, self.stat().uuid)

    def __repr__(self):
        if self.closed:
            return "<lfvec.Vector {!r}, closed>".format(self._name)
        return "<lfvec.Vector {!r} of {} elements, format {}>".format(self._name, len(self), self._codec.format or "bytes")

    def _must_be_open(self):
        if self.closed:
            raise closed_error()

    def _error(self, number):
        sentence = _library.last_error() if number == errno.ENOSPC else ""
        return closed_error() if self.closed else call_error(number, self._name, sentence)

    def _checked(self, result):
        if result < 0:
            raise self._error(-result)
        return result

    # ---- what it is ----------------------------------------------------------------------------------------------------------------------

    @property
    def name(self):
        """The name that it was opened with."""
        return self._name

    @property
    def readonly(self):
        """Attached read-only."""
        return self._readonly

    @property
    def format(self):
        """The struct format of elements, or bytes."""
        return self._codec.format or bytes

    @property
    def elem_size(self):
        """Bytes of an element."""
        return self._codec.size

    @property
    def batch_most(self):
        """Most elements that are pushed or popped in one atomic step."""
        return _short.batch_most(self) or self._checked(-errno.EINVAL)

    @property
    def capacity(self):
        """Elements that fit before more memory must be committed."""
        self._must_be_open()
        return _short.capacity(self)

    @property
    def is_current(self):
        """The name still leads to this segment: it was neither removed nor replaced."""
        return self._checked(_short.is_current(self)) == 1

    # ---- single elements -----------------------------------------------------------------------------------------------------------------

    def pop_wait(self, timeout=None):
        """As pop(), but waits for an element, at most `timeout` seconds; None waits for ever. TimeoutError.

        Ctrl-C and close() by another thread end the wait within a tenth of a second. In an event loop, pop_async() is for that.
        """
        until, cell = _aio.deadline(timeout), self._room()
        while True:
            part = _WAIT_PART if until is None else min(_WAIT_PART, max(0.0, until - time.monotonic()))
            result = self._wait_part(cell, part)
            if result == 0:
                return self._codec.unpack(cell)
            if result != -errno.ETIMEDOUT or self.closed or (until is not None and time.monotonic() >= until):
                raise self._error(-result)

    async def pop_async(self, timeout=None):
        """As pop_wait(), for a task: others of its event loop run meanwhile, and any number may wait. TimeoutError.

        A task that is cancelled has taken nothing. The vector is looked at from time to time: after one to 20 milliseconds.
        """
        until, in_time = _aio.deadline(timeout), True
        while True:
            try:
                return self.pop()
            except EmptyError:
                if not in_time:
                    raise self._error(errno.ETIMEDOUT) from None
            in_time = await _aio.turn(self, until)

    def _room(self):
        self._must_be_open()
        return self._cell()

    def _wait_part(self, cell, seconds):
        limit = _structs.CTimespec(0, int(seconds * 1e9))
        with self._use():
            return _long.pop_wait(self, cell, byref(limit))

    def _index(self, index):
        index = operator.index(index)
        if index < 0:
            index += len(self)
        if not 0 <= index < 1 << 64:
            raise call_error(errno.ERANGE, self._name)
        return index

    def cas(self, index, expected, desired):
        """Replaces element `index` by `desired` if it is `expected`, compared byte by byte. Elements must have 8 bytes.

        Returns whether it did, and the value that was there: (True, expected) or (False, another).
        """
        there = c_uint64(self._as_u64(expected))
        result = _short.cas_u64(self, self._index(index), byref(there), self._as_u64(desired))
        if result != -errno.ECANCELED:
            self._checked(result)
        return result == 0, self._codec.unpack(there)

    def _as_u64(self, value):
        if self._codec.size != 8:
            raise TypeError("cas and fetch_add need elements of 8 bytes; these have {}".format(self._codec.size))
        return c_uint64.from_buffer_copy(self._codec.pack(value)).value

    def fetch_add(self, index, delta):
        """Adds delta to element `index`, modulo 2**64, and returns the former value. Elements must be integers of 8 bytes."""
        if self._codec.size != 8 or not self._codec.counts:
            raise TypeError("fetch_add needs elements that are integers of 8 bytes; these are {}".format(self._codec.format or "bytes"))
        old = c_uint64()
        self._checked(_short.fetch_add_u64(self, self._index(index), operator.index(delta) % (1 << 64), byref(old)))
        return self._codec.unpack(old)
