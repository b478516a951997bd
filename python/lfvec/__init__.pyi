"""Types of the module lfvec; its docstrings say what each does."""

import builtins
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, NamedTuple, Optional, SupportsIndex, Union, overload

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
    "MismatchError",
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
    "TimeoutError",
    "Vector",
    "VersionError",
    "__version__",
    "last_version",
    "unlink",
]

__version__: str

BATCH_MAX: int
NUMA_BIND: int
NUMA_INTERLEAVE: int
NUMA_LOCAL: int
SLOT_ALIVE: int
SLOT_DEAD: int
SLOT_FREE: int
SLOT_STOPPED: int
SLOT_UNKNOWN: int

# An element is an int, a float, bytes, ... or a tuple, as the format has it: known at run time only.
_Element = Any
_Format = Union[str, type[int], type[bytes], None]
# Whatever has the buffer protocol, for which Python has no type before 3.12.
_Buffer = Any

class Error(OSError): ...
class NotFoundError(Error, FileNotFoundError): ...
class ExistsError(Error, FileExistsError): ...
class AccessError(Error, PermissionError): ...
class MismatchError(Error): ...
class DamagedError(Error): ...
class VersionError(Error): ...
class StaleError(Error): ...
class EmptyError(Error, IndexError): ...
class RangeError(Error, IndexError): ...
class TimeoutError(Error, builtins.TimeoutError): ...
class BusyError(Error): ...

class FullError(Error):
    pushed: int
    parts: Sequence[range]

class SlotsError(Error): ...
class ReadOnlyError(Error): ...

class Recovery(NamedTuple):
    slots_recovered: int
    slots_alive: int
    slots_unknown: int
    ops_won: int
    ops_lost: int
    leaves_freed: int
    leases_returned: int
    slabs_released: int
    spares_freed: int

class Audit(NamedTuple):
    version: int
    elements: int
    leaves_live: int
    leaves_idle: int
    leaves_held: int
    leaves_free: int
    leaves_lost: int
    slots_dead: int
    passes: int
    conclusive: int
    fault: int
    where: int
    message: str
    @property
    def sound(self) -> bool: ...

class Stat(NamedTuple):
    version: int
    size: int
    capacity: int
    elem_tag: int
    max_elems: int
    max_bytes: int
    bytes_committed: int
    bytes_free: int
    created: int
    uuid: bytes
    format_version: int
    feature_compat: int
    feature_incompat: int
    feature_ro_compat: int
    elem_size: int
    elems_per_leaf: int
    leaf_bytes: int
    slab_bytes: int
    max_slots: int
    mode: int
    uid: int
    gid: int
    numa: int
    numa_in_force: int
    numa_nodes: int
    flags: int
    read_only: int
    slabs_max: int
    slabs_owned: int
    slabs_unowned: int
    leaves_total: int
    leaves_used: int
    slots_free: int
    slots_alive: int
    slots_stopped: int
    slots_dead: int
    slots_unknown: int
    pushes: int
    pops: int
    sets: int
    clears: int
    cas_retries: int
    helps: int
    recoveries: int
    grows: int
    bytes_huge: int
    bytes_mapped: int
    numa_placed: int
    numa_why: int
    elem_format: bytes

class Participant(NamedTuple):
    slot: int
    state: int
    pid: int
    tid: int
    node: int
    spares: int
    name: str
    pid_ns: int
    since: int
    last_version: int
    pushes: int
    pops: int
    sets: int
    clears: int
    cas_retries: int
    helps: int
    in_flight: int
    leased: int
    slabs: int
    op: int
    outcome: int
    op_version: int

class Snapshot(Sequence[_Element]):
    version: int
    @property
    def data(self) -> memoryview: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int) -> _Element: ...
    @overload
    def __getitem__(self, index: slice) -> list[_Element]: ...
    def __iter__(self) -> Iterator[_Element]: ...
    def __eq__(self, other: object) -> bool: ...
    def tolist(self) -> list[_Element]: ...

class Vector:
    def __init__(
        self,
        name: Union[str, bytes],
        format: _Format = None,
        *,
        create: bool = True,
        exclusive: bool = False,
        readonly: bool = False,
        any_owner: bool = False,
        elem_size: Optional[int] = None,
        elem_tag: Optional[int] = None,
        max_elems: Optional[int] = None,
        max_bytes: Optional[int] = None,
        max_slots: Optional[int] = None,
        leaf_bytes: Optional[int] = None,
        slab_bytes: Optional[int] = None,
        mode: Optional[int] = None,
        numa: Optional[int] = None,
        numa_nodes: Optional[int] = None,
        hugepages: bool = False,
        prefault: bool = False,
    ) -> None: ...
    def __enter__(self) -> Vector: ...
    def __exit__(
        self, kind: Optional[type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType], /
    ) -> None: ...
    def __del__(self) -> None: ...
    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...
    @property
    def name(self) -> str: ...
    @property
    def readonly(self) -> bool: ...
    @property
    def format(self) -> Union[str, type[bytes]]: ...
    @property
    def elem_size(self) -> int: ...
    @property
    def batch_most(self) -> int: ...
    @property
    def capacity(self) -> int: ...
    @property
    def is_current(self) -> bool: ...
    def __len__(self) -> int: ...
    def push(self, value: _Element) -> int: ...
    def pop(self) -> _Element: ...
    def pop_wait(self, timeout: Optional[float] = None) -> _Element: ...
    def get(self, index: SupportsIndex) -> _Element: ...
    def set(self, index: SupportsIndex, value: _Element) -> None: ...
    def cas(self, index: SupportsIndex, expected: _Element, desired: _Element) -> tuple[bool, _Element]: ...
    def fetch_add(self, index: SupportsIndex, delta: SupportsIndex) -> int: ...
    def pop_lease(self) -> _Element: ...
    def ack(self) -> None: ...
    def release(self) -> None: ...
    def lease(self) -> AbstractContextManager[_Element]: ...
    def extend(self, values: Union[Iterable[_Element], _Buffer]) -> Optional[int]: ...
    def extend_parts(self, values: Union[Iterable[_Element], _Buffer]) -> list[range]: ...
    def pop_n(self, n: int) -> list[_Element]: ...
    def pop_into(self, buffer: _Buffer) -> int: ...
    def get_n(self, first: SupportsIndex, n: int) -> list[_Element]: ...
    def get_into(self, buffer: _Buffer, first: SupportsIndex = 0) -> int: ...
    def snapshot(self, first: SupportsIndex = 0, n: Optional[int] = None) -> Snapshot: ...
    def snapshot_into(self, buffer: _Buffer, first: SupportsIndex = 0) -> int: ...
    @overload
    def __getitem__(self, index: SupportsIndex) -> _Element: ...
    @overload
    def __getitem__(self, index: slice) -> list[_Element]: ...
    @overload
    def __setitem__(self, index: SupportsIndex, value: _Element) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[_Element]) -> None: ...
    def __iter__(self) -> Iterator[_Element]: ...
    def __reversed__(self) -> Iterator[_Element]: ...
    def reserve(self, n: SupportsIndex) -> None: ...
    def trim(self) -> None: ...
    def leave(self) -> None: ...
    def clear(self) -> None: ...
    def stat(self) -> Stat: ...
    def participants(self, free: bool = False) -> list[Participant]: ...
    def check(self) -> Audit: ...
    def recover(self, slot: Optional[SupportsIndex] = None, force: bool = False) -> Recovery: ...

def unlink(name: Union[str, bytes], missing_ok: bool = False) -> None: ...
def last_version() -> int: ...
