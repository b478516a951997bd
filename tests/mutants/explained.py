"""explained.py - mutants that no test can kill, each with its reason: reads explained.txt, and tells which entries have no mutant any more."""
from __future__ import annotations

import pathlib

from mutate import Mutant

KINDS = ("equivalent", "order")


def read(path: pathlib.Path) -> dict[str, str]:
    """The kind of each mutant that has an entry, by its key. An entry is one or more lines `KIND KEY`, and the reason below, indented."""
    kinds: dict[str, str] = {}
    waiting: list[str] = []  # for their reason
    reasoned = True
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.name}:{number}"
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(" "):
            if not waiting:
                raise ValueError(f"{where}: a reason without a mutant before it")
            reasoned = True
            continue
        if reasoned:
            waiting = []
        kind, _, key = line.partition(" ")
        if kind not in KINDS:
            raise ValueError(f"{where}: {kind} is none of {', '.join(KINDS)}")
        if key in kinds:
            raise ValueError(f"{where}: this mutant is explained twice: {key}")
        kinds[key] = kind
        waiting.append(key)
        reasoned = False
    if not reasoned:
        raise ValueError(f"{path.name}: no reason after {waiting[-1]}")
    return kinds


def stale(kinds: dict[str, str], mutants: list[Mutant]) -> list[str]:
    """Entries whose mutant is gone: the code has changed, and the reason with it."""
    there = {m.key for m in mutants}
    return [key for key in kinds if key not in there]
