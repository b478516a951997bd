"""lfvec - a growing array in POSIX shared memory, shared by processes, lock-free.

    import lfvec

    with lfvec.Vector("/numbers") as v:     # the first one creates it
        v.push(41)
        v.extend(range(10))
        print(v.pop(), len(v), v[0], v[-3:])

Any number of processes attach by name and push, pop, get and set at once, without a lock; any of them may be killed at any moment, and the
others go on. The segment outlives its processes and is removed by lfvec.unlink() alone. What each operation guarantees is in lfvec.h and
lfvec(7); this module calls the installed library, liblfvec.so.0, or the one that the environment variable LFVEC_LIBRARY names. NATIVE says
whether single elements go by the module's extension in C, or by ctypes, which is slower and otherwise the same.
"""

from ._errors import (
    AccessError,
    BusyError,
    DamagedError,
    EmptyError,
    Error,
    ExistsError,
    FullError,
    MismatchError,
    NotFoundError,
    RangeError,
    ReadOnlyError,
    SlotsError,
    StaleError,
    TimeoutError,
    VersionError,
)
from ._leases import Lease
from ._names import list_segments, unlink
from ._native import NATIVE
from ._queue import LifoQueue
from ._snapshot import Snapshot
from ._structs import (
    BATCH_MAX,
    NUMA_BIND,
    NUMA_INTERLEAVE,
    NUMA_LOCAL,
    SLOT_ALIVE,
    SLOT_DEAD,
    SLOT_FREE,
    SLOT_STOPPED,
    SLOT_UNKNOWN,
    Audit,
    Participant,
    Recovery,
    Stat,
)
from ._temporary import TemporaryVector
from ._vector import Vector, last_version
from ._version import __version__

__all__ = [
    "AccessError",
    "Audit",
    "BATCH_MAX",
    "BusyError",
    "DamagedError",
    "EmptyError",
    "Error",
    "ExistsError",
    "FullError",
    "Lease",
    "LifoQueue",
    "MismatchError",
    "NATIVE",
    "NUMA_BIND",
    "NUMA_INTERLEAVE",
    "NUMA_LOCAL",
    "NotFoundError",
    "Participant",
    "RangeError",
    "ReadOnlyError",
    "Recovery",
    "SLOT_ALIVE",
    "SLOT_DEAD",
    "SLOT_FREE",
    "SLOT_STOPPED",
    "SLOT_UNKNOWN",
    "SlotsError",
    "Snapshot",
    "StaleError",
    "Stat",
    "TemporaryVector",
    "TimeoutError",
    "Vector",
    "VersionError",
    "__version__",
    "last_version",
    "list_segments",
    "unlink",
]

for _name in __all__:  # tracebacks and pickles call things by their public names
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = "lfvec"
