"""copies.py - a copy of the sources and a build of it for each job: a mutant is compiled and tested there, and undone."""
from __future__ import annotations

import filecmp
import hashlib
import os
import pathlib
import re
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
    """Sources in `top`, a build in `build`. make built that; a mutant's objects and programs are made by the same commands, without the time
    that make and libtool take, and are put into a folder of their own."""

    def __init__(self, root: pathlib.Path, place: pathlib.Path, number: int) -> None:
        self.root = root
        self.top = place / f"copy-{number}"
        self.build = self.top / "build"
        self.made = self.build / "mutant"
        self.environment = {**os.environ, "CCACHE_DIR": str(place / "ccache")}
        self.compile: list[str] = []
        self.modules: dict[str, set[str]] = {}  # the files of lib/ that each source of lib/ includes, and itself
        self.programs: dict[str, tuple[list[str], list[str]]] = {}  # the objects of each program, and what comes after them
        self.changed: dict[str, pathlib.Path] = {}  # the objects of the mutant, by source
        self.affected: set[str] = set()  # the objects of programs that include what the mutant changes
        self.stale: set[str] = set()  # those that are to be compiled again

    def make(self, *targets: str, jobs: int = 1) -> subprocess.CompletedProcess[str]:
        return self.call("make", f"-j{jobs}", *targets)

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.build, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONGEST_BUILD
        )

    def must(self, *command: str) -> str:
        done = self.call(*command)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} in {self.build} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    # ---- before the mutants ----

    def renew(self) -> None:
        """What differs from the sources is copied, so that make sees what is new; the first time with its time."""
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

    def prepare(self, targets: list[str], programs: list[str], jobs: int, first: Copy | None) -> None:
        """Builds what the tests need. All but the first copy begin as a copy of that, since its paths are relative."""
        if first and not self.build.exists():
            shutil.copytree(first.top, self.top, symlinks=True)
        self.renew()
        self.build.mkdir(exist_ok=True)
        if not (self.build / "Makefile").exists():
            self.must(*CONFIGURE)
        self.must("make", f"-j{jobs}", "liblfvec-inner.la", *targets)
        self.read_build(programs)
        for program in [] if first else programs:
            if not self.link(program):
                raise RuntimeError(f"{program} does not link with the objects of the library")

    def variables(self, *names: str) -> list[list[str]]:
        command = ["make", "-s", "--no-print-directory", "--eval=print-%:;@echo $($*)", *(f"print-{n}" for n in names)]
        return [line.split() for line in self.must(*command).splitlines()]

    def read_build(self, programs: list[str]) -> None:
        """How make compiles the library, of what it links the programs, and which sources include what."""
        common = self.variables("CC", "DEFS", "DEFAULT_INCLUDES", "INCLUDES", "AM_CPPFLAGS", "CPPFLAGS", "liblfvec_inner_la_CFLAGS", "CFLAGS")
        self.compile = [word for words in common for word in words]
        objects, library = self.variables("liblfvec_inner_la_OBJECTS", "liblfvec_inner_la_LIBADD")
        for name in objects:
            module = "lib/" + name.partition("-")[2].replace(".lo", ".c")
            self.modules[module] = self.included(name)
        for program in programs:
            name = program.replace("/", "_")
            own, flags, libraries, libs = self.variables(f"{name}_OBJECTS", f"{name}_LDFLAGS", f"{name}_LDADD", "LIBS")
            after = [word for word in [*flags, *libraries, *library, *libs] if not word.endswith(".la")]
            self.programs[program] = own, [*after, "-lpthread"]
        self.made.mkdir(exist_ok=True)

    def included(self, name: str) -> set[str]:
        """From the dependencies that the compiler wrote for make."""
        path = self.build / name
        rules = path.parent / ".deps" / path.name.replace(".lo", ".Plo").replace(".o", ".Po")
        return set(re.findall(r"\.\./(\S+)", rules.read_text()))

    # ---- a mutant ----

    def pristine(self, module: str) -> pathlib.Path:
        return self.build / "lib" / f"liblfvec_inner_la-{pathlib.Path(module).stem}.o"

    def mutate(self, mutant: Mutant) -> str:
        """Puts the mutant in, and compiles the library with it: "" if it did, "uncompilable", or "equivalent" if the object code is the same."""
        (self.top / mutant.file).write_bytes(mutant.apply((self.root / mutant.file).read_bytes()))
        for module in (m for m, files in self.modules.items() if mutant.file in files):
            to = self.made / (pathlib.Path(module).stem + ".o")
            if self.call(*self.compile, "-c", "-o", str(to), f"../{module}").returncode != 0:
                return "uncompilable"
            if digest(to) != digest(self.pristine(module)):
                self.changed[module] = to
        if not self.changed:
            return "equivalent"
        self.affected = {o for own, _ in self.programs.values() for o in own if mutant.file in self.included(o)}
        self.stale |= self.affected
        return ""

    def link(self, program: str) -> pathlib.Path | None:
        """The program with the mutant in it."""
        own, after = self.programs[program]
        stale = self.stale.intersection(own)
        if stale and self.make(*sorted(stale)).returncode != 0:
            return None
        self.stale -= stale - self.affected
        library = [str(self.changed.get(m, self.pristine(m))) for m in self.modules]
        to = self.made / pathlib.Path(program).name
        return to if self.call(*self.compile, "-o", str(to), *own, *library, *after).returncode == 0 else None

    def undo(self, mutant: Mutant) -> None:
        (self.top / mutant.file).write_bytes((self.root / mutant.file).read_bytes())
        self.changed, self.affected = {}, set()
