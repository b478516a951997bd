"""Core and Memory, the bases of Vector and Snapshot: in C if the module was built with them, or else their twins by ctypes."""

import ctypes
import os
import sys

from . import _library

__all__ = ["Core", "Memory", "NATIVE"]


def _addresses():
    return (ctypes.cast(getattr(_library.short, name), ctypes.c_void_p).value for name in ("push", "pop", "get", "set", "size"))


try:
    if os.environ.get("LFVEC_PURE_PYTHON") or sys.byteorder == "big":
        raise ImportError
    from ._core import Core, Memory, bind
except ImportError:
    from ._core_ctypes import Core, Memory

    NATIVE = False
else:
    bind(*_addresses())
    NATIVE = True
