"""Reports: the part of Vector that is about memory, and about what can be said of a segment and done for it."""

import errno
import operator
from ctypes import byref

from . import _library, _structs
from ._errors import error

_short, _long = _library.short, _library.long


class Reports:
    """See Vector."""

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
            raise error(errno.ERANGE, "{}: there is no slot {}".format(self._name, slot), self._name)
        return slot
