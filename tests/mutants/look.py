"""look.py - what mutants.sh asks of the mutator, without a build.

  look.py list FILE        the mutants of a file, a line each
  look.py apply FILE KEY   the file with that mutant
  look.py each FILE DIR    all of them, as files of DIR
  look.py stale            entries of explained.txt that have no mutant
  look.py seeds FILE       do equal seeds take equal mutants, and others others?
"""
from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable

import explained
import mutate

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def show(file: str) -> None:
    for m in mutate.mutants_of(ROOT, [file]):
        print(m.key, "=>", m.new.replace("\n", "\\n"))


def apply(file: str, key: str) -> None:
    (mutant,) = [m for m in mutate.mutants_of(ROOT, [file]) if m.key == key]
    sys.stdout.buffer.write(mutant.apply((ROOT / file).read_bytes()))


def each(file: str, folder: str) -> None:
    for number, mutant in enumerate(mutate.mutants_of(ROOT, [file])):
        (pathlib.Path(folder) / f"{number}.c").write_bytes(mutant.apply((ROOT / file).read_bytes()))


def stale() -> None:
    kinds = explained.read(ROOT / "tests/mutants/explained.txt")
    files = sorted({key.split(" ")[0] for key in kinds})
    gone = [f for f in files if not (ROOT / f).exists()]
    mutants = mutate.mutants_of(ROOT, [f for f in files if f not in gone])
    print("".join(f"{key}\n" for key in explained.stale(kinds, mutants)), end="")


def seeds(file: str) -> None:
    mutants = mutate.mutants_of(ROOT, [file])
    first, again, other = (mutate.sample(mutants, seed, 10) for seed in (1, 1, 2))
    sys.exit(not (first == again != other and len(set(first)) == 10))


COMMANDS: dict[str, Callable[..., None]] = {"list": show, "apply": apply, "each": each, "stale": stale, "seeds": seeds}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
