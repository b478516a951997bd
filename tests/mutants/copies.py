"""copies.py - a copy of the sources and a build of it for each job: a mutant is compiled and tested there, and undone."""
from __future__ import annotations

import filecmp
import hashlib
import os
import pathlib
import shutil
import subprocess

from mutate import Mutant

GENERATED = ("configure", "config.h.in", "Makefile.in", "aclocal.m4", "build-aux", "m4")  # by autoreconf; git does not list them
CONFIGURE = ("../configure", "--disable-shared", "CC=ccache gcc", "CFLAGS=-O2 -g0")
LONGEST_BUILD = 1800.0


def listed(root: pathlib.Path) -> list[str]:
    command = ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    for name in GENERATED:
        path = root / name
        names += [str(p.relative_to(root)) for p in path.rglob("*") if p.is_file()] if path.is_dir() else [name]
    return sorted({n for n in names if (root / n).is_file()})


def digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Copy:
    def __init__(self, root: pathlib.Path, place: pathlib.Path, number: int) -> None:
        self.root = root
        self.top = place / f"copy-{number}"
        self.build = self.top / "build"
        self.environment = {**os.environ, "CCACHE_DIR": str(place / "ccache")}
        self.objects: dict[str, str] = {}

    def make(self, *targets: str, jobs: int = 1) -> subprocess.CompletedProcess[str]:
        return self.call("make", f"-j{jobs}", *targets)

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.build, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONGEST_BUILD
        )

    def renew(self) -> None:
        """What differs from the sources is copied, with its time, so that make sees what is new."""
        wanted = listed(self.root)
        for name in wanted:
            old, new = self.top / name, self.root / name
            if not old.exists() or not filecmp.cmp(old, new, shallow=False):
                old.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(new, old) if old.exists() else shutil.copy2(new, old)
        for folder in ("lib", "tests", "include", "tools"):
            for path in (self.top / folder).rglob("*"):
                if path.is_file() and "__pycache__" not in path.parts and str(path.relative_to(self.top)) not in wanted:
                    path.unlink()

    def prepare(self, targets: list[str], jobs: int, first: Copy | None) -> None:
        """Builds what the tests need. All but the first copy begin as a copy of that, since its paths are relative."""
        if first and not self.build.exists():
            shutil.copytree(first.top, self.top, symlinks=True)
        self.renew()
        self.build.mkdir(exist_ok=True)
        commands = [["make", f"-j{jobs}", "liblfvec-inner.la", *targets]]
        if not (self.build / "Makefile").exists():
            commands.insert(0, list(CONFIGURE))
        for command in commands:
            done = self.call(*command)
            if done.returncode != 0:
                raise RuntimeError(f"{' '.join(command)} in {self.build} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        self.objects = self.hashes()

    def hashes(self) -> dict[str, str]:
        return {p.name: digest(p) for p in (self.build / "lib").glob("liblfvec_inner_la-*.o")}

    def mutate(self, mutant: Mutant) -> str:
        """Puts the mutant in, and compiles the library with it: "" if it did, "uncompilable", or "equivalent" if the object code is the same."""
        path = self.top / mutant.file
        path.write_bytes(mutant.apply((self.root / mutant.file).read_bytes()))
        if self.make("liblfvec-inner.la").returncode != 0:
            return "uncompilable"
        return "equivalent" if self.hashes() == self.objects else ""

    def undo(self, mutant: Mutant) -> None:
        (self.top / mutant.file).write_bytes((self.root / mutant.file).read_bytes())
