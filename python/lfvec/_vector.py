"""Vector: an attachment to a segment, and every operation on it.

A call passes the vector itself to the library: ctypes reads the handle, `_as_parameter_`, in the same step, with the GIL held. close() sets
it to None first, so that later calls get -EINVAL, and then waits for the calls that let other threads run: each of those is in `_users`.
"""

import contextlib
import ctypes
import errno
import itertools
import operator
import os
import threading
import time
from ctypes import byref, c_char, c_uint64

from . import _buffer, _codec, _library, _structs
from ._errors import BusyError, FullError, RangeError, call_error, closed_error, error
from ._snapshot import Snapshot

_short, _long = _library.short, _library.long

# A wait in C is not ended by a signal: between two parts of it Python sees to Ctrl-C, and to a close() by another thread.
_WAIT_PART = 0.1

_UNASKED = 1 << 20  # bytes that are taken by a size without asking whether the segment can hold so much


def _raise_open_error(number):
    sentence = _library.last_error() or os.strerror(number)
    raise BusyError(number, sentence) if number == errno.EAGAIN else error(number, sentence)  # nothing here is empty


def _attributes(given):
    """struct lfvec_attr with what is given, or None if nothing is."""
    if not given:
        return None
    attr = _structs.CAttr()
    _short.attr_init(byref(attr))
    for name, value in given.items():
        value = operator.index(value)
        setattr(attr, name, value)
        if getattr(attr, name) != value:
            raise ValueError("{} = {} is out of range".format(name, value))
    return attr


def _c_name(name):
    """The name as the library takes it, which would see the end of it in a null character."""
    name = os.fsencode(name)
    if b"\0" in name:
        raise ValueError("a name has no null character")
    return name


def _element_size(form, elem_size):
    """What is asked for, or None."""
    if not _codec.is_format(form):
        return elem_size
    size = _codec.of_format(form).size
    if elem_size not in (None, size):
        raise ValueError("format {!r} has {} bytes, and elem_size is {}".format(form, size, elem_size))
    return size


def unlink(name, missing_ok=False):
    """Removes the name. Who is attached keeps the segment until it closes it; the name may be created anew at once.

    Nothing else in this module removes a segment.
    """
    result = _short.unlink(_c_name(name))
    if result < 0 and not (missing_ok and result == -errno.ENOENT):
        _raise_open_error(-result)


def last_version():
    """The version at which this thread's last operation on elements took effect; 0 before the first."""
    return _short.last_version()


def _reattach(name, form, readonly, uuid):
    """What a pickle calls: the same segment again, in another process."""
    vector = Vector(name, form, create=False, readonly=readonly)
    if vector.stat().uuid != uuid:
        vector.close()
        raise error(errno.ESTALE, "{}: removed and created anew since this vector was pickled".format(name))
    return vector


class Vector:
    """An attachment to the segment `name`, which is created if it does not exist.

    format says what an element is: a struct format ("Q", "d", "16s": values; "IIf": tuples), bytes, int, or None: integers if elements have
    1, 2, 4 or 8 bytes, otherwise bytes. It also gives the element size, as elem_size does. The keywords from elem_tag on are those of
    struct lfvec_attr, and count at creation only; if one of them is given and no size, elements have 8 bytes.

    create=False attaches only; exclusive=True creates only; readonly=True maps read-only, creates nothing and takes no slot. Where a segment
    may be created, one that another user has made is refused with AccessError, unless any_owner=True; root's is joined.

    Any thread may use a vector. A forked child may use it at once and is a participant of its own; a pickled one attaches anew where it is
    unpickled. Closing never removes the segment: unlink() does.
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
        prefault=False
    ):
        if self._open:
            raise TypeError("this vector is attached already; make another one")
        if exclusive and (readonly or not create):
            raise ValueError("exclusive=True creates, which readonly=True and create=False do not")
        asked = {
            "elem_size": _element_size(format, elem_size),
            "elem_tag": elem_tag,
            "max_elems": max_elems,
            "max_bytes": max_bytes,
            "max_slots": max_slots,
            "leaf_bytes": leaf_bytes,
            "slab_bytes": slab_bytes,
            "mode": mode,
            "numa": numa,
            "numa_nodes": numa_nodes,
            "flags": (_structs.HUGEPAGES if hugepages else 0) | (_structs.PREFAULT if prefault else 0) or None,
        }
        given = {key: value for key, value in asked.items() if value is not None}
        self._users = {}
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
        handle = _long.open(_c_name(self._name), flags, byref(attr) if attr else None)
        if not handle:
            _raise_open_error(ctypes.get_errno())
        self._open = [handle]
        self._as_parameter_ = ctypes.c_void_p(handle)

    def _choose_codec(self, form):
        size = _short.elem_size(self)
        self._codec = _codec.of_format(form) if _codec.is_format(form) else _codec.of_size(size, form)
        self._cell = c_char * size

    # ---- the handle's life ---------------------------------------------------------------------------------------------------------------

    def close(self):
        """Ends the attachment; a second time does nothing. The elements stay. Waits for calls of other threads that are under way."""
        if self._in_use(threading.get_ident()):
            raise error(errno.EBUSY, "{}: close() from within a call on the same vector".format(self._name))
        self._as_parameter_ = None
        while self._in_use():
            time.sleep(0.001)
        try:
            handle = self._open.pop()  # one step: of two threads that close, one gets it
        except (IndexError, AttributeError):
            return
        _long.detach(handle)

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
        return _reattach, (self._name, self._codec.format or bytes, self._readonly, self.stat().uuid)

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

    def __len__(self):
        return _short.size(self) or self._none_or_closed()

    def _none_or_closed(self):
        self._must_be_open()
        return 0

    # ---- single elements -----------------------------------------------------------------------------------------------------------------

    def push(self, value):
        """Appends an element and returns its index. FullError when memory or the limit is reached; nothing is changed then."""
        index = c_uint64()
        result = _short.push(self, self._codec.pack(value), byref(index))
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
        return self._codec.unpack(cell)

    def pop_wait(self, timeout=None):
        """As pop(), but waits for an element, at most `timeout` seconds; None waits for ever. TimeoutError.

        Ctrl-C and close() by another thread end the wait within a tenth of a second.
        """
        if timeout is not None and timeout != timeout:
            raise ValueError("the timeout is not a number")
        deadline = None if timeout is None else time.monotonic() + timeout
        cell = self._cell()
        while True:
            part = _WAIT_PART if deadline is None else min(_WAIT_PART, max(0.0, deadline - time.monotonic()))
            result = self._wait_part(cell, part)
            if result == 0:
                return self._codec.unpack(cell)
            if result != -errno.ETIMEDOUT or self.closed or (deadline is not None and time.monotonic() >= deadline):
                raise self._error(-result)

    def _wait_part(self, cell, seconds):
        limit = _structs.CTimespec(0, int(seconds * 1e9))
        with self._use():
            return _long.pop_wait(self, cell, byref(limit))

    def get(self, index):
        """Element `index`; counted from the end if negative. RangeError (an IndexError) beyond the size."""
        cell = self._cell()
        result = _short.get(self, self._index(index), cell)
        if result < 0:
            raise self._error(-result)
        return self._codec.unpack(cell)

    def set(self, index, value):
        """Replaces element `index`."""
        result = _short.set(self, self._index(index), self._codec.pack(value))
        if result < 0:
            raise self._error(-result)

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

    # ---- on lease ------------------------------------------------------------------------------------------------------------------------

    def pop_lease(self):
        """As pop(), but the element comes back if this thread ends, or its process dies, before ack(). One lease a thread: BusyError."""
        return self._codec.unpack(self._pop_lease())

    def _pop_lease(self):
        cell = self._cell()
        self._checked(_short.pop_lease(self, cell))
        return cell

    def ack(self):
        """The leased element is done with."""
        self._end_lease(_short.ack(self))

    def release(self):
        """Gives the leased element back: it is pushed, exactly once. If there is no room for it (FullError), it stays on lease."""
        self._end_lease(_short.release(self))

    def _end_lease(self, result):
        if result == -errno.EINVAL and not self.closed:
            raise error(errno.EINVAL, "{}: this thread holds no leased element".format(self._name))
        self._checked(result)

    @contextlib.contextmanager
    def lease(self):
        """with v.lease() as element: it is acknowledged at the end of the block, and given back (release()) if an exception leaves it.

        A child that is forked in the block has no lease.
        """
        cell, pid = self._pop_lease(), os.getpid()
        try:
            yield self._codec.unpack(cell)
        except BaseException:
            if pid == os.getpid():
                self.release()
            raise
        if pid == os.getpid():
            self.ack()

    # ---- batches -------------------------------------------------------------------------------------------------------------------------

    def extend(self, values):
        """Appends many elements and returns the index of the first, or None if there are none.

        values is an iterable, or anything with the buffer protocol (bytes, array.array, a numpy array, ...), whose contiguous memory is
        copied as it is: its items, or its rows, must have the size of elements, and be of their kind.

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
        return view, _buffer.elements(view, self._codec)

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

    def _memory(self, count):
        self._must_be_open()
        if operator.index(count) < 0:
            raise ValueError("a count is not negative")
        return bytearray(count * self._codec.size)

    def _fill(self, buffer, call):
        """call(address, elements that fit) on the memory of a writable buffer."""
        view = memoryview(buffer)
        if view.readonly:
            raise TypeError("the buffer is read-only")
        count = _buffer.elements(view, self._codec)
        with _buffer.address(view, writable=True) as start, self._use():
            return call(start, count)

    # ---- pictures ------------------------------------------------------------------------------------------------------------------------

    def snapshot(self, first=0, n=None):
        """n elements from `first` on, or all, as of one version: a Snapshot. BusyError if others change them all the time."""
        first = self._index(first)
        while True:
            there = len(self) - first
            count = there if n is None else n
            if there < max(0, count):
                raise self._error(errno.ERANGE)
            if self._held(count) < count:
                raise self._error(errno.EBADMSG)
            try:
                return self._snapshot(first, count)
            except RangeError:
                pass  # it has shrunk meanwhile

    def _snapshot(self, first, count):
        memory = self._memory(count)
        return Snapshot(self._codec, memory, self.snapshot_into(memory, first))

    def snapshot_into(self, buffer, first=0):
        """As many elements as a writable buffer holds, from `first` on, all as of one version, which is returned."""
        first, version = self._index(first), c_uint64()
        result = self._fill(buffer, lambda start, count: _long.snapshot(self, first, start, count, byref(version)))
        if result == -errno.EAGAIN:
            raise self._busy_error()
        self._checked(result)
        return version.value

    def _busy_error(self):
        return error(errno.EBUSY, "{}: others change the range all the time; try again, or take fewer elements".format(self._name))

    def __getitem__(self, index):
        """v[i] is get(i); v[a:b:c] is a list, all of one version."""
        if not isinstance(index, slice):
            return self.get(index)
        while True:
            chosen = range(len(self))[index]
            if not chosen:
                return []
            low, high = min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1])
            try:
                return self.snapshot(low, high - low + 1)[:: chosen.step]
            except RangeError:
                pass  # it has shrunk meanwhile: the slice means others now

    def __setitem__(self, index, value):
        """v[i] = x is set(i, x); v[a:b:c] = xs replaces one after the other, by as many: not one atomic step."""
        if not isinstance(index, slice):
            self.set(index, value)
            return
        chosen, values = range(len(self))[index], [self._codec.pack(one) for one in value]
        if len(chosen) != len(values):
            raise ValueError("{} values for {} elements; a slice does not change the size".format(len(values), len(chosen)))
        for at, element in zip(chosen, values):
            self._checked(_short.set(self, at, element))

    def __delitem__(self, index):
        """Elements are removed from the end only: pop()."""
        raise TypeError("elements are removed from the end only: pop(), pop_n(), clear()")

    def __iter__(self):
        """Over a snapshot of all elements."""
        return iter(self.snapshot())

    def __reversed__(self):
        return reversed(self.snapshot().tolist())

    # ---- memory --------------------------------------------------------------------------------------------------------------------------

    def reserve(self, n):
        """Commits memory for n elements: capacity is at least n afterwards."""
        n = operator.index(n)
        if n < 0:
            raise ValueError("a count is not negative")
        with self._use():
            self._checked(_long.reserve(self, min(n, (1 << 64) - 1)))

    def trim(self):
        """Frees what is kept beyond the size, for reuse by any participant."""
        with self._use():
            self._checked(_long.trim(self))

    def clear(self):
        """Removes all elements in one atomic step."""
        self._checked(_short.clear(self))

    # ---- what can be said of the segment, and done for it --------------------------------------------------------------------------------

    def stat(self):
        """Everything there is to know about the segment: a Stat."""
        out = _structs.CStat()
        with self._use():
            self._checked(_long.stat(self, byref(out)))
        return _structs.to_tuple(_structs.Stat, out)

    def participants(self, free=False):
        """A Participant for each slot that is held, dead or alive; with free=True, for every slot."""
        found = [self._participant(slot) for slot in range(1, self.stat().max_slots + 1)]
        return [one for one in found if free or one.state != _structs.SLOT_FREE]

    def _participant(self, slot):
        out = _structs.CParticipant()
        self._checked(_short.participant(self, slot, byref(out)))
        return _structs.to_tuple(_structs.Participant, out)

    def check(self):
        """Audits the whole segment and returns an Audit; its `sound` and `message` say what was found. Reads only."""
        out = _structs.CAudit()
        with self._use():
            result = _long.check(self, byref(out))
        if result != -errno.EBADMSG:
            self._checked(result)
        return _structs.to_tuple(_structs.Audit, out)

    def recover(self, slot=None, force=False):
        """Recovers the slots of the dead now, or one slot, and returns a Recovery. Nobody needs to: whoever needs a slot does it.

        force=True also takes a slot whose holder is unknown (in another pid namespace): for who knows that it is gone.
        """
        if force and slot is None:
            raise ValueError("force needs a slot")
        out = _structs.CRecovery()
        with self._use():
            if slot is None:
                result = _long.recover(self, byref(out))
            else:
                call = _long.recover_forced if force else _long.recover_slot
                result = call(self, self._slot(slot), byref(out))
        self._checked(result)
        return _structs.to_tuple(_structs.Recovery, out)

    def _slot(self, slot):
        slot = operator.index(slot)
        if not 0 <= slot < 1 << 32:
            raise error(errno.ERANGE, "{}: there is no slot {}".format(self._name, slot))
        return slot
