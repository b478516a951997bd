"""A vector that removes itself."""

import contextlib
import os

from . import _names
from ._errors import ExistsError
from ._vector import Vector


class TemporaryVector(Vector):
    """A new vector under a name that nobody uses, which is removed at its close(): at the end of its with block.

    The keywords are those of Vector; `prefix` is what its name begins with. Others may attach to it by its name, and have it until they close
    it. Only the process that made it removes it; a pickle of it is an attachment like any other. A process that is killed leaves the segment.
    """

    def __init__(self, format=None, *, prefix="/lfvec-", **attributes):
        self._maker = os.getpid()
        while self.closed:
            with contextlib.suppress(ExistsError):
                super().__init__("{}{}-{}".format(prefix, self._maker, os.urandom(4).hex()), format, exclusive=True, **attributes)

    def close(self):
        """Ends the attachment and removes the segment, if its name still leads to it."""
        if not self.closed and self._maker == os.getpid() and self.is_current:
            _names.unlink(self.name, missing_ok=True)
        super().close()

    existing = Vector.existing
