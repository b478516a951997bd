"""What the module raises: one class a cause, each an OSError with errno and a sentence.

Where the builtins have a name for the cause (FileNotFoundError, IndexError, TimeoutError, ...), the class is one of those, too.
"""

import builtins
import errno
import os
import queue


class Error(OSError):
    """Whatever lfvec refuses: errno says why, strerror in a sentence, and filename is the name of the segment."""

    def __str__(self):
        """Without the filename, which the sentence has already."""
        return "[Errno {}] {}".format(self.errno, self.strerror)


class NotFoundError(Error, FileNotFoundError):
    """There is no segment of this name (ENOENT)."""


class ExistsError(Error, FileExistsError):
    """There is one already (EEXIST)."""


class AccessError(Error, PermissionError):
    """Not allowed (EACCES)."""


class MismatchError(Error):
    """Elements of another size, another format or with another tag than was asked for (EPROTO)."""


class DamagedError(Error):
    """Not a segment of lfvec, or a damaged one (EBADMSG)."""


class VersionError(Error):
    """Made by a version of lfvec that this one cannot work with (EPROTONOSUPPORT)."""


class StaleError(Error):
    """The name leads to another segment than the one that was pickled (ESTALE)."""


class EmptyError(Error, IndexError, queue.Empty):
    """There is nothing to pop (EAGAIN)."""


class RangeError(Error, IndexError):
    """Beyond the size (ERANGE)."""


class TimeoutError(Error, builtins.TimeoutError, queue.Empty):
    """No element came in time (ETIMEDOUT)."""


class BusyError(Error):
    """Others changed the range, or hold the segment back from being opened (EAGAIN), or this thread has a lease already (EBUSY)."""


class FullError(Error, queue.Full):
    """No memory (ENOSPC), or the segment's limit (EOVERFLOW); `pushed` elements of a batch found room, in `parts` if that was asked for."""

    pushed = 0
    parts = ()


class SlotsError(Error):
    """Every slot is held by a live thread (EUSERS)."""


class ReadOnlyError(Error):
    """The attachment is read-only (EBADF)."""


_CLASSES = {
    errno.ENOENT: NotFoundError,
    errno.EEXIST: ExistsError,
    errno.EACCES: AccessError,
    errno.EPROTO: MismatchError,
    errno.EBADMSG: DamagedError,
    errno.EPROTONOSUPPORT: VersionError,
    errno.ESTALE: StaleError,
    errno.EAGAIN: EmptyError,
    errno.ERANGE: RangeError,
    errno.ETIMEDOUT: TimeoutError,
    errno.EBUSY: BusyError,
    errno.ENOSPC: FullError,
    errno.EOVERFLOW: FullError,
    errno.EUSERS: SlotsError,
    errno.EBADF: ReadOnlyError,
}

# For the calls that lfvec_last_error() has no sentence on.
_SENTENCES = {
    errno.EAGAIN: "the vector is empty",
    errno.ERANGE: "the index is beyond the size",
    errno.ETIMEDOUT: "no element came in time",
    errno.EBUSY: "this thread holds a leased element already; ack() or release() it first",
    errno.ENOSPC: "no pages are left in /dev/shm; free some, or mount it larger",
    errno.EOVERFLOW: "the limit that it was created with (max_elems or max_bytes) is reached",
    errno.EUSERS: "every slot is held by a live thread; `lfvec-shmctl ps` shows them, and max_slots makes more",
    errno.EBADF: "the attachment is read-only",
    errno.EBADMSG: "the segment is damaged; `lfvec-shmctl check` says where",
    errno.ENOMEM: "no private memory, or less address space (ulimit -v) than the segment has grown to",
    errno.EINVAL: "an argument does not fit this segment",
}


def error(number, sentence, name=None):
    """An exception of the class that belongs to errno `number`, on the segment `name`."""
    return _CLASSES.get(number, Error)(number, sentence, name)


def call_error(number, name, sentence=""):
    """The same for a call on an open segment; `sentence` is the library's, if it has one on it."""
    return error(number, sentence or "{}: {}".format(name, _SENTENCES.get(number) or os.strerror(number)), name)


def closed_error():
    """What a file raises, too."""
    return ValueError("operation on a closed vector")
