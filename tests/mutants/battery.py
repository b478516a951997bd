"""battery.py - the tests that a mutant goes through: what to build for each, how it is run alone, and in which order they are worth trying."""
from __future__ import annotations

import collections
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

# With a build that holds all its tests, the quickest kind first.
PROGRAMS = (
    ("unit_inner", "tests/unit/unit_inner"),
    ("unit_api", "tests/unit/unit_api"),
    ("unit_model", "tests/unit/unit_model"),
    ("check_ipc", "tests/ipc/check_ipc"),
    ("check_full", "tests/full/check_full"),
)
# Where a death between two instructions leaves something behind; and what lfvec-shmctl shows. The slowest tests are for these modules alone.
HELD = frozenset(
    "attempt batch create desc directory element fast head join leaf lease life participant reclaim recover segment shm slab slot vector".split()
)
FAST = frozenset("attempt desc directory element fast head leaf lfvec participant reclaim slab vector wait".split())  # its instructions are counted
SHOWN = frozenset("audit memory proc region shm stat visible".split())
SLOW_LIMIT = 30.0  # seconds more than a multiple of what a test takes by itself: after that it hangs


@dataclasses.dataclass(frozen=True)
class Test:
    name: str
    targets: tuple[str, ...]
    command: tuple[str, ...]  # if its first word is a target, that is the program that the library is linked into
    environment: tuple[tuple[str, str], ...] = ()
    only: frozenset[str] = frozenset()  # for mutants of these modules alone; none named: of all


@dataclasses.dataclass
class Result:
    passed: bool
    seconds: float
    hung: bool
    said: str


def programs_of(tests: list[Test]) -> list[str]:
    return sorted({t.command[0] for t in tests if t.command[0] in t.targets})


def suites_of(root: pathlib.Path, program: str) -> list[str]:
    """The suites that a program of Check runs, by the names that CK_RUN_SUITE takes."""
    main = root / f"{program}.c"
    sources = [p.read_text() for p in sorted(main.parent.glob("*.c"))]
    names = []
    for function in re.findall(r"\b([a-z]+_(?:[a-z]+_)?suite)\b", main.read_text().replace("unit_suite", "").replace("add_suite", "")):
        for text in sources:
            body = re.search(rf"^Suite \*{function}\(void\)\n{{.*?^}}", text, re.M | re.S)
            if body:
                names += re.findall(r'suite_create\("(\w+)"\)', body[0])
    if not names:
        raise ValueError(f"{main} names no suite")
    return names


def tests_of(root: pathlib.Path) -> list[Test]:
    tests = []
    for name, program in PROGRAMS:
        for suite in suites_of(root, program):
            tests.append(Test(f"{name}:{suite}", (program,), (program,), (("CK_RUN_SUITE", suite),)))
    kill, hostile = "tests/kill/", "tests/hostile/"
    tests += [
        Test("replay", (hostile + "replay",), (hostile + "replay",)),
        Test("order", ("tests/order/order",), ("tests/order/order", "--ops", "300000", "--seed", "1")),
        Test("kill", (kill + "kill",), (kill + "kill", "--sample", "15", "--seed", "1"), only=HELD),
        Test("storm", ("tests/storm/storm",), ("tests/storm/storm", "--seconds", "8", "--seed", "1")),
        Test("hostile", (hostile + "hostile",), (hostile + "hostile", "--seconds", "6", "--seed", "1")),
        Test("aim", (hostile + "aim", "lfvec-shmctl"), (hostile + "aim", "--seconds", "12", "--seed", "1")),
    ]
    tests.append(Test("instructions", ("tests/bench/instructions",), ("../tests/bench/instructions.sh",), only=FAST))
    tool = ("lfvec-shmctl", "tests/tool/holder")
    for script in ("golden", "visible"):
        tests.append(Test(script, tool, (f"../tests/tool/{script}.sh",), only=SHOWN))
    tests.append(Test("tool-numa", tool, ("../tests/tool/numa.sh",), only=frozenset({"numa"})))
    return tests


# In a place of its own: its processes end with it, and what it leaves in /dev/shm goes away.
ALONE = (
    "unshare -m -p -f --mount-proc --propagation private --kill-child sh -c".split(),
    'mount -t tmpfs -o size=3g,mode=1777 tmpfs /dev/shm && ulimit -c 0 && ulimit -d 4000000 && "$@"',
)


def may_be_alone() -> bool:
    return os.geteuid() == 0 and subprocess.run([*ALONE[0], "true"], capture_output=True).returncode == 0


class Battery:
    """The tests, run in the build directory `build` of a copy of the sources."""

    def __init__(self, build: pathlib.Path, alone: bool) -> None:
        self.build = build
        self.alone = alone
        self.tests = tests_of(build.parent)

    def run(self, test: Test, limit: float, program: pathlib.Path | None = None) -> Result:
        """`program`: instead of the one that make built."""
        command = [str(program or self.build / test.command[0]), *test.command[1:]]
        if self.alone:
            command = [*ALONE[0], ALONE[1], "sh", *command]
        environment = {**os.environ, "LFVEC_BUILD": str(self.build), "LFVEC_SRC": str(self.build.parent), **dict(test.environment)}
        began = time.monotonic()
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                command, cwd=self.build, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
            RUNNING.add(process)
            hung = False
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                hung = True
            end_group(process)
            RUNNING.discard(process)
            said.seek(0)
            text = said.read().decode(errors="replace")
        return Result(not hung and process.returncode == 0, time.monotonic() - began, hung, text)


RUNNING: set[subprocess.Popen[bytes]] = set()


def end_all() -> None:
    for process in list(RUNNING):
        end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """All of its processes, also those that it left behind."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def write_whole(path: pathlib.Path, what: object) -> None:
    """All of it or nothing: a run may be interrupted at any time."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(what, indent=1))
    new.replace(path)


class History:
    """What killed mutants of a file before, and how long each test takes: the order in which tests are worth trying."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.kills: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        self.seconds: dict[str, float] = {}
        self.states: dict[str, str] = {}  # of what each test runs, when it was last seen to pass without a mutant
        if path.exists():
            kept = json.loads(path.read_text())
            self.seconds, self.states = kept["seconds"], kept["states"]
            for file, kills in kept["kills"].items():
                self.kills[file] = collections.Counter(kills)

    def save(self) -> None:
        write_whole(self.path, {"seconds": self.seconds, "states": self.states, "kills": self.kills})

    def killed(self, file: str, test: Test) -> None:
        self.kills[file][test.name] += 1
        self.save()

    def limit(self, test: Test) -> float:
        return 5 * self.seconds[test.name] + SLOW_LIMIT

    def order(self, file: str, tests: list[Test]) -> list[Test]:
        """By kills a second, of which one is granted to the suite that has the file's name; then those that
        are quick, program by program, so that as few as can be are built; then the rest."""
        module = pathlib.Path(file).stem

        def worth(test: Test) -> tuple[float, bool]:
            kills, seconds = self.kills[file][test.name] + test.name.endswith(":" + module), self.seconds[test.name]
            return -kills / (seconds + 0.2), seconds > 10

        return sorted((t for t in tests if not t.only or module in t.only), key=worth)
