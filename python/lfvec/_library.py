"""The shared library, and its functions by ctypes.

It is the one that LFVEC_LIBRARY names; or the one in this package, if it is of a wheel that carries it; or what the loader finds (ldconfig,
LD_LIBRARY_PATH); or one in a lib/ beside this Python, or where `./dev install` puts it.

`short` has the functions that are over at once; they are called with the GIL held, so that nothing happens between the look at a handle and
the end of the call. `long` has those that may wait or copy much, which let other threads run: _vector.py keeps the handle open meanwhile.
"""

import ctypes
import os
import site
import sys
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

from . import _structs

SONAME = "liblfvec.so.0"

_ADVICE = (
    "install liblfvec0 (Debian), or `./dev install` of the sources; where it is installed already, run ldconfig, add its directory to "
    "LD_LIBRARY_PATH, or name it by LFVEC_LIBRARY"
)

_U64_OUT = POINTER(c_uint64)

# name: result, arguments. A handle or the memory of elements is a void pointer.
_SHORT = {
    "attr_init": (None, [POINTER(_structs.CAttr)]),
    "unlink": (c_int, [c_char_p]),
    "last_error": (c_char_p, []),
    "last_version": (c_uint64, []),
    "is_current": (c_int, [c_void_p]),
    "elem_size": (c_uint32, [c_void_p]),
    "batch_most": (c_uint64, [c_void_p]),
    "size": (c_uint64, [c_void_p]),
    "capacity": (c_uint64, [c_void_p]),
    "push": (c_int, [c_void_p, c_void_p, _U64_OUT]),
    "pop": (c_int, [c_void_p, c_void_p]),
    "get": (c_int, [c_void_p, c_uint64, c_void_p]),
    "set": (c_int, [c_void_p, c_uint64, c_void_p]),
    "pop_lease": (c_int, [c_void_p, c_void_p]),
    "ack": (c_int, [c_void_p]),
    "release": (c_int, [c_void_p]),
    "cas_u64": (c_int, [c_void_p, c_uint64, _U64_OUT, c_uint64]),
    "fetch_add_u64": (c_int, [c_void_p, c_uint64, c_uint64, _U64_OUT]),
    "clear": (c_int, [c_void_p]),
    "participant": (c_int, [c_void_p, c_uint32, POINTER(_structs.CParticipant)]),
}

_LONG = {
    "open": (c_void_p, [c_char_p, c_int, POINTER(_structs.CAttr)]),
    "detach": (c_int, [c_void_p]),
    "leave": (c_int, [c_void_p]),
    "push_n": (c_int64, [c_void_p, c_void_p, c_size_t, _U64_OUT]),
    "push_n_parts": (c_int64, [c_void_p, c_void_p, c_size_t, POINTER(_structs.CPart), c_size_t]),
    "pop_n": (c_int64, [c_void_p, c_void_p, c_size_t]),
    "get_n": (c_int64, [c_void_p, c_uint64, c_void_p, c_size_t]),
    "snapshot": (c_int, [c_void_p, c_uint64, c_void_p, c_size_t, _U64_OUT]),
    "pop_wait": (c_int, [c_void_p, c_void_p, POINTER(_structs.CTimespec)]),
    "reserve": (c_int, [c_void_p, c_uint64]),
    "trim": (c_int, [c_void_p]),
    "recover": (c_int, [c_void_p, POINTER(_structs.CRecovery)]),
    "recover_slot": (c_int, [c_void_p, c_uint32, POINTER(_structs.CRecovery)]),
    "recover_forced": (c_int, [c_void_p, c_uint32, POINTER(_structs.CRecovery)]),
    "check": (c_int, [c_void_p, POINTER(_structs.CAudit)]),
    "stat": (c_int, [c_void_p, POINTER(_structs.CStat)]),
}


class _Functions:
    """The functions of a table as attributes, without their prefix."""

    def __init__(self, library, table):
        for name, (result, arguments) in table.items():
            function = getattr(library, "lfvec_" + name)
            function.restype = result
            function.argtypes = arguments
            setattr(self, name, function)


def _places():
    """Where to look for the library, one after the other."""
    named = os.environ.get("LFVEC_LIBRARY")
    if named:
        return [named]
    carried = [os.path.join(os.path.dirname(__file__), SONAME)]
    prefixes = [sys.prefix, site.getuserbase() if site.ENABLE_USER_SITE else sys.prefix, "/usr/local"]
    installed = [os.path.join(prefix, "lib", SONAME) for prefix in prefixes]
    return list(filter(os.path.exists, carried)) + [SONAME] + list(filter(os.path.exists, installed))


def _dlopen(places):
    """The first place that has a library. If none has, what was wrong with the first."""
    reasons = []
    for path in places:
        try:
            return path, ctypes.CDLL(path, use_errno=True)
        except OSError as reason:
            reasons.append(reason)
    raise ImportError("{}; {}".format(reasons[0], _ADVICE)) from None


def _load():
    path, library = _dlopen(_places())
    try:
        return _Functions(ctypes.PyDLL(path), _SHORT), _Functions(library, _LONG)
    except AttributeError as reason:
        raise ImportError("{} is not the library of this module, or an older one ({}); {}".format(path, reason, _ADVICE)) from None


short, long = _load()


def last_error():
    """The sentence on this thread's last failed open or unlink."""
    return short.last_error().decode("utf-8", "replace")
