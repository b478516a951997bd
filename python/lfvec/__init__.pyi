"""Types of the module lfvec; its docstrings say what each does."""

import builtins
import queue
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Generic, NamedTuple, Optional, SupportsIndex, TypeVar, Union, overload

from typing_extensions import Self

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

__version__: str

BATCH_MAX: int
NATIVE: bool
NUMA_BIND: int
NUMA_INTERLEAVE: int
NUMA_LOCAL: int
SLOT_ALIVE: int
SLOT_DEAD: int
SLOT_FREE: int
SLOT_STOPPED: int
SLOT_UNKNOWN: int

# An element is an int, a float, bytes, ... or a tuple, as the format has it. Which one a struct format means is known at run time only: say
# it, as in `v: Vector[int] = Vector("/numbers", "Q")`.
_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
# Whatever has the buffer protocol, for which Python has no type before 3.12.
_Buffer = Any
# A numpy.dtype, or one of numpy's types. It need not be there.
_Dtype = Any

class Error(OSError): ...
class NotFoundError(Error, FileNotFoundError): ...
class ExistsError(Error, FileExistsError): ...
class AccessError(Error, PermissionError): ...
class MismatchError(Error): ...
class DamagedError(Error): ...
class VersionError(Error): ...
class StaleError(Error): ...
class EmptyError(Error, IndexError, queue.Empty): ...
class RangeError(Error, IndexError): ...
class TimeoutError(Error, builtins.TimeoutError, queue.Empty): ...
class BusyError(Error): ...

class FullError(Error, queue.Full):
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
    elem_format: str

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

class Snapshot(Sequence[_T_co]):
    version: int
    @property
    def data(self) -> memoryview: ...
    def __array__(self, dtype: _Dtype = None, copy: Optional[bool] = None) -> Any: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int) -> _T_co: ...
    @overload
    def __getitem__(self, index: slice) -> list[_T_co]: ...
    def __iter__(self) -> Iterator[_T_co]: ...
    def __contains__(self, value: object) -> bool: ...
    def __eq__(self, other: object) -> bool: ...
    def index(self, value: Any, start: int = 0, stop: Optional[int] = None) -> int: ...
    def tolist(self) -> list[_T_co]: ...

class Lease(Generic[_T_co]):
    @property
    def element(self) -> _T_co: ...
    @property
    def held(self) -> bool: ...
    def ack(self) -> None: ...
    def release(self) -> None: ...
    def __enter__(self) -> _T_co: ...
    def __exit__(
        self, kind: Optional[type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType], /
    ) -> None: ...
    def __del__(self) -> None: ...

class Vector(Sequence[_T]):
    @overload
    def __init__(
        self: Vector[int],
        name: Union[str, bytes],
        format: type[int],
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
    @overload
    def __init__(
        self: Vector[bytes],
        name: Union[str, bytes],
        format: type[bytes],
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
    @overload
    def __init__(
        self: Vector[Any],
        name: Union[str, bytes],
        format: Union[str, None, _Dtype] = None,
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
    @overload
    @classmethod
    def existing(
        cls,
        name: Union[str, bytes],
        format: type[int],
        *,
        readonly: bool = False,
        elem_size: Optional[int] = None,
        elem_tag: Optional[int] = None,
    ) -> Vector[int]: ...
    @overload
    @classmethod
    def existing(
        cls,
        name: Union[str, bytes],
        format: type[bytes],
        *,
        readonly: bool = False,
        elem_size: Optional[int] = None,
        elem_tag: Optional[int] = None,
    ) -> Vector[bytes]: ...
    @overload
    @classmethod
    def existing(
        cls,
        name: Union[str, bytes],
        format: Union[str, None, _Dtype] = None,
        *,
        readonly: bool = False,
        elem_size: Optional[int] = None,
        elem_tag: Optional[int] = None,
    ) -> Vector[Any]: ...
    def __enter__(self) -> Self: ...
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
    def push(self, value: _T) -> int: ...
    def pop(self) -> _T: ...
    def pop_wait(self, timeout: Optional[float] = None) -> _T: ...
    async def pop_async(self, timeout: Optional[float] = None) -> _T: ...
    def get(self, index: SupportsIndex) -> _T: ...
    def set(self, index: SupportsIndex, value: _T) -> None: ...
    def cas(self, index: SupportsIndex, expected: _T, desired: _T) -> tuple[bool, _T]: ...
    def fetch_add(self, index: SupportsIndex, delta: SupportsIndex) -> int: ...
    def pop_lease(self) -> _T: ...
    def ack(self) -> None: ...
    def release(self) -> None: ...
    def lease(self) -> AbstractContextManager[_T]: ...
    def hold(self) -> Lease[_T]: ...
    async def hold_async(self, timeout: Optional[float] = None) -> Lease[_T]: ...
    def extend(self, values: Union[Iterable[_T], _Buffer]) -> Optional[int]: ...
    def extend_parts(self, values: Union[Iterable[_T], _Buffer]) -> list[range]: ...
    def pop_n(self, n: int) -> list[_T]: ...
    def pop_into(self, buffer: _Buffer) -> int: ...
    def get_n(self, first: SupportsIndex, n: int) -> list[_T]: ...
    def get_into(self, buffer: _Buffer, first: SupportsIndex = 0) -> int: ...
    def snapshot(self, first: SupportsIndex = 0, n: Optional[int] = None) -> Snapshot[_T]: ...
    def snapshot_into(self, buffer: _Buffer, first: SupportsIndex = 0) -> int: ...
    @overload
    def __getitem__(self, index: SupportsIndex) -> _T: ...
    @overload
    def __getitem__(self, index: slice) -> list[_T]: ...
    @overload
    def __setitem__(self, index: SupportsIndex, value: _T) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[_T]) -> None: ...
    def __iter__(self) -> Iterator[_T]: ...
    def __reversed__(self) -> Iterator[_T]: ...
    def __contains__(self, value: object) -> bool: ...
    def __array__(self, dtype: _Dtype = None, copy: Optional[bool] = None) -> Any: ...
    def index(self, value: Any, start: int = 0, stop: Optional[int] = None) -> int: ...
    def count(self, value: Any) -> int: ...
    def reserve(self, n: SupportsIndex) -> None: ...
    def trim(self) -> None: ...
    def leave(self) -> None: ...
    def clear(self) -> None: ...
    def stat(self) -> Stat: ...
    def participants(self, free: bool = False) -> list[Participant]: ...
    def check(self) -> Audit: ...
    def recover(self, slot: Optional[SupportsIndex] = None, force: bool = False) -> Recovery: ...

class TemporaryVector(Vector[_T]):
    def __init__(
        self,
        format: Union[str, None, type[int], type[bytes], _Dtype] = None,
        *,
        prefix: str = "/lfvec-",
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

class LifoQueue(Generic[_T]):
    vector: Vector[_T]
    @overload
    def __init__(self, vector: Vector[_T]) -> None: ...
    @overload
    def __init__(
        self, vector: Union[str, bytes], format: Union[str, None, type[int], type[bytes], _Dtype] = None, **attributes: Any
    ) -> None: ...
    def put(self, item: _T, block: bool = True, timeout: Optional[float] = None) -> None: ...
    def get(self, block: bool = True, timeout: Optional[float] = None) -> _T: ...
    def put_nowait(self, item: _T) -> None: ...
    def get_nowait(self) -> _T: ...
    async def get_async(self, timeout: Optional[float] = None) -> _T: ...
    def qsize(self) -> int: ...
    def empty(self) -> bool: ...
    def full(self) -> bool: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: Optional[type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType], /
    ) -> None: ...

def list_segments() -> list[str]: ...
def unlink(name: Union[str, bytes], missing_ok: bool = False) -> None: ...
def last_version() -> int: ...
