"""What concerns the names of segments: unlink(), list_segments(), and how the library takes a name."""

import ctypes
import errno
import os
from ctypes import c_void_p

from . import _library, _structs
from ._errors import BusyError, error

_short, _long = _library.short, _library.long

_DIRECTORY = "/dev/shm"


def c_name(name):
    """The name as the library takes it, which would see the end of it in a null character."""
    name = os.fsencode(name)
    if b"\0" in name:
        raise ValueError("a name has no null character")
    return name


def open_error(number, name):
    """The exception of an open or unlink that failed just now, with the library's sentence."""
    sentence, name = _library.last_error() or os.strerror(number), os.fsdecode(name)
    return BusyError(number, sentence, name) if number == errno.EAGAIN else error(number, sentence, name)  # nothing here is empty


def unlink(name, missing_ok=False):
    """Removes the name. Who is attached keeps the segment until it closes it; the name may be created anew at once.

    Nothing else in this module removes a segment, but for the end of a TemporaryVector.
    """
    result = _short.unlink(c_name(name))
    if result < 0 and not (missing_ok and result == -errno.ENOENT):
        raise open_error(-result, name)


def _is_segment(name):
    handle = _long.open(os.fsencode(name), _structs.RDONLY, None)
    if not handle:
        return ctypes.get_errno() == errno.EPROTONOSUPPORT  # one of another version of lfvec
    _long.detach(c_void_p(handle))
    return True


def list_segments():
    """The names of all segments of this machine that this process may read, sorted. `lfvec-shmctl list` tells more of each."""
    try:
        found = os.listdir(_DIRECTORY)
    except FileNotFoundError:
        return []
    return sorted(name for name in map("/{}".format, found) if _is_segment(name))
