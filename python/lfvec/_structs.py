"""The structures and constants of lfvec.h, and the named tuples that the module hands out instead.

tests/test_layout.py compares every offset with what a C compiler makes of the header.
"""

import collections
import ctypes
from ctypes import c_char, c_int32, c_int64, c_long, c_uint8, c_uint32, c_uint64

CREATE, EXCL, RDONLY, ANY_OWNER = 1, 2, 4, 8
HUGEPAGES, PREFAULT = 1, 2
NUMA_LOCAL, NUMA_INTERLEAVE, NUMA_BIND = 0, 1, 2
SLOT_FREE, SLOT_ALIVE, SLOT_STOPPED, SLOT_DEAD, SLOT_UNKNOWN = range(5)
BATCH_MAX = 1024


def _fields(kind, names):
    return [(name, kind) for name in names.split()]


class CAttr(ctypes.Structure):
    """struct lfvec_attr"""

    _fields_ = (
        _fields(c_uint32, "struct_size elem_size")
        + _fields(c_uint64, "elem_tag max_elems max_bytes")
        + _fields(c_uint32, "max_slots leaf_bytes slab_bytes mode numa")
        + _fields(c_uint64, "numa_nodes")
        + _fields(c_uint32, "flags")
        + [("elem_format", c_char * 64)]
    )


class CRecovery(ctypes.Structure):
    """struct lfvec_recovery"""

    _fields_ = _fields(
        c_uint32,
        "slots_recovered slots_alive slots_unknown ops_won ops_lost leaves_freed leases_returned slabs_released spares_freed",
    )


class CAudit(ctypes.Structure):
    """struct lfvec_audit"""

    _fields_ = (
        _fields(c_uint64, "version elements leaves_live leaves_idle leaves_held leaves_free leaves_lost")
        + _fields(c_uint32, "slots_dead passes conclusive fault")
        + _fields(c_uint64, "where")
        + [("message", c_char * 160)]
    )


class CStat(ctypes.Structure):
    """struct lfvec_stat"""

    _fields_ = (
        _fields(c_uint64, "version size capacity elem_tag max_elems max_bytes bytes_committed bytes_free created")
        + [("uuid", c_uint8 * 16)]
        + _fields(c_uint32, "format_version feature_compat feature_incompat feature_ro_compat")
        + _fields(c_uint32, "elem_size elems_per_leaf leaf_bytes slab_bytes max_slots mode uid gid numa numa_in_force")
        + _fields(c_uint64, "numa_nodes")
        + _fields(c_uint32, "flags read_only")
        + _fields(c_uint64, "slabs_max slabs_owned slabs_unowned leaves_total leaves_used")
        + _fields(c_uint32, "slots_free slots_alive slots_stopped slots_dead slots_unknown")
        + _fields(c_uint64, "pushes pops sets clears cas_retries helps recoveries grows bytes_huge bytes_mapped numa_placed")
        + _fields(c_uint32, "numa_why")
        + [("elem_format", c_char * 64), ("reserved", c_uint64 * 4)]
    )


class CParticipant(ctypes.Structure):
    """struct lfvec_participant"""

    _fields_ = (
        _fields(c_uint32, "slot state")
        + _fields(c_int32, "pid tid node")
        + _fields(c_uint32, "spares")
        + [("name", c_char * 32)]
        + _fields(c_uint64, "pid_ns since last_version pushes pops sets clears cas_retries helps in_flight leased slabs")
        + _fields(c_uint32, "op outcome")
        + _fields(c_uint64, "op_version")
    )


class CPart(ctypes.Structure):
    """struct lfvec_part"""

    _fields_ = _fields(c_uint64, "first count")


class CTimespec(ctypes.Structure):
    """struct timespec"""

    _fields_ = [("tv_sec", c_long if ctypes.sizeof(c_long) == 8 else c_int64), ("tv_nsec", c_long)]


def _tuple_of(name, struct, doc):
    made = collections.namedtuple(name, [f for f, _ in struct._fields_ if not f.startswith("reserved")], module="lfvec")
    made.__doc__ = doc
    return made


_Audit = _tuple_of("Audit", CAudit, "")
Recovery = _tuple_of("Recovery", CRecovery, "What Vector.recover() did; the fields are those of struct lfvec_recovery.")
Stat = _tuple_of("Stat", CStat, "A segment at one moment; the fields are those of struct lfvec_stat, and uuid is bytes.")
Participant = _tuple_of("Participant", CParticipant, "One slot; the fields are those of struct lfvec_participant.")


class Audit(_Audit):
    """What Vector.check() saw; the fields are those of struct lfvec_audit."""

    __slots__ = ()
    __module__ = "lfvec"

    @property
    def sound(self):
        """Nothing is wrong with the segment."""
        return self.fault == 0


def _plain(value):
    if isinstance(value, ctypes.Array):
        return bytes(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def to_tuple(made, struct):
    """A named tuple of the type `made` with the fields of a structure."""
    return made(*(_plain(getattr(struct, field)) for field in made._fields))
