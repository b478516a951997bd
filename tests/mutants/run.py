"""run.py - usage: run.py [SEED [N]] [--jobs N] [--file NAME]... [--again] [--quick] [--list]

Changes the library N times, in one place each, and looks whether a test notices; the same seed takes the same places. What survives is
printed as a diff, unless explained.txt says why no test can see it. Everything is kept in build-mutants/.

  --file NAME   mutants of this file of lib/ alone
  --again       of what was killed, or needed no test, in a run before, nothing is run again: for after a test was written
  --quick       with the tests of a few seconds alone: what survives them is to be run again by --again, with the rest
  --list        print the mutants, and run nothing
"""
from __future__ import annotations

import argparse
import difflib
import json
import os
import pathlib
import queue
import signal
import sys
import threading
import time

import battery
import copies
import explained
import mutate
from mutate import Mutant

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PLACE = ROOT / "build-mutants"
QUICK_SECONDS = 7
Record = dict[str, str]


def diff_of(mutant: Mutant) -> str:
    before = (ROOT / mutant.file).read_bytes()
    lines = [text.decode().splitlines(keepends=True) for text in (before, mutant.apply(before))]
    return "".join(difflib.unified_diff(lines[0], lines[1], mutant.file, mutant.file, n=2))


def identity(mutant: Mutant) -> str:
    return f"{mutant.key} => {mutant.new}"


class Kept:
    """What became of each mutant, in this run and in those before."""

    def __init__(self) -> None:
        self.path = PLACE / "results.json"
        self.records: dict[str, Record] = json.loads(self.path.read_text()) if self.path.exists() else {}

    def add(self, mutant: Mutant, record: Record) -> None:
        self.records[identity(mutant)] = record
        battery.write_whole(self.path, self.records)

    def settled(self, mutant: Mutant) -> Record | None:
        record = self.records.get(identity(mutant))
        return record if record and record["verdict"] != "survived" else None


class Run:
    def __init__(self, jobs: int, quick: bool) -> None:
        self.quick = quick
        PLACE.mkdir(exist_ok=True)
        self.alone = battery.may_be_alone()
        if not self.alone and jobs > 1:
            print("mutants: not root, so no job has a /dev/shm of its own: one at a time")
        self.jobs = jobs if self.alone else 1
        self.history = battery.History(PLACE / "history.json")
        self.kept = Kept()
        self.copies: list[copies.Copy] = []
        self.lock = threading.Lock()

    def prepare(self) -> None:
        tests = battery.tests_of(ROOT)
        targets, programs = sorted({t for test in tests for t in test.targets}), battery.programs_of(tests)
        for number in range(1, self.jobs + 1):
            copy = copies.Copy(ROOT, PLACE, number)
            copy.prepare(targets, programs, self.jobs, self.copies[0] if self.copies else None)
            self.copies.append(copy)
        self.try_unchanged()

    def try_unchanged(self) -> None:
        """Without a mutant every test has to pass; how long it takes is its measure. Not again if what it runs is the same as it was then."""
        copy = self.copies[0]
        tests = battery.Battery(copy.build, self.alone)
        for test in tests.tests:
            files = [copy.build / t for t in test.targets] + [copy.build / c for c in test.command if c.startswith("../")]
            state = " ".join(copies.digest(f)[:16] for f in files)
            if self.history.states.get(test.name) == state:
                continue
            self.history.seconds[test.name] = 120.0
            result = tests.run(test, 600)
            if not result.passed:
                raise RuntimeError(f"{test.name} fails without a mutant, so it can judge none:\n{result.said[-3000:]}")
            self.history.seconds[test.name] = result.seconds
            self.history.states[test.name] = state
            self.history.save()
            print(f"unchanged: {test.name} passes in {result.seconds:.1f} s", flush=True)

    def judge(self, copy: copies.Copy, tests: battery.Battery, mutant: Mutant) -> Record:
        verdict = copy.mutate(mutant)
        if verdict:
            return {"verdict": verdict}
        for test in self.history.order(mutant.file, tests.tests):
            if self.quick and self.history.seconds[test.name] > QUICK_SECONDS:
                continue
            fast = test.command[0] if test.command[0] in copy.programs else None
            program = copy.link(fast) if fast else None
            others = [t for t in test.targets if t != fast]
            if (fast and not program) or (others and copy.make(*others).returncode != 0):
                return {"verdict": "uncompilable"}
            result = tests.run(test, self.history.limit(test), program)
            if not result.passed:
                with self.lock:
                    self.history.killed(mutant.file, test)
                return {"verdict": "killed", "by": test.name, "hung": "hung" if result.hung else ""}
        return {"verdict": "survived"}

    def work(self, copy: copies.Copy, todo: "queue.SimpleQueue[Mutant]") -> None:
        tests = battery.Battery(copy.build, self.alone)
        while not todo.empty():
            try:
                mutant = todo.get_nowait()
            except queue.Empty:
                return
            began = time.monotonic()
            try:
                record = self.judge(copy, tests, mutant)
            finally:
                copy.undo(mutant)
            with self.lock:
                self.kept.add(mutant, record)
                by = f" by {record['by']}{' (hung)' if record.get('hung') else ''}" if "by" in record else ""
                print(f"{record['verdict']}{by}, {time.monotonic() - began:.0f} s: {mutant.file}:{mutant.at}: {mutant.key}", flush=True)
                if record["verdict"] == "survived":
                    print(diff_of(mutant), flush=True)

    def run(self, mutants: list[Mutant]) -> None:
        todo: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
        for mutant in mutants:
            todo.put(mutant)
        threads = [threading.Thread(target=self.work, args=(copy, todo)) for copy in self.copies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def report(what: str, mutants: list[Mutant], kinds: dict[str, str], kept: Kept) -> int:
    """The survivors, and the last line."""
    count = dict.fromkeys(("killed", "survived", "equivalent", "uncompilable"), 0)
    hung, survivors = 0, []
    for mutant in mutants:
        if mutant.key in kinds:
            continue
        record = kept.records[identity(mutant)]
        count[record["verdict"]] += 1
        hung += bool(record.get("hung"))
        if record["verdict"] == "survived":
            survivors.append(mutant)
    for mutant in sorted(survivors, key=lambda m: (m.file, m.at)):
        print(f"\nsurvived: {mutant.file}:{mutant.at}: {mutant.key}\n{diff_of(mutant)}", end="")
    explained_here = [m for m in mutants if m.key in kinds]
    of_order = sum(kinds[m.key] == "order" for m in explained_here)
    judged = count["killed"] + count["survived"]
    print(
        f"mutants: {what}: {count['killed']} killed ({hung} by a time limit), {count['survived']} survived, {count['equivalent']} equivalent by "
        f"their object code, {len(explained_here)} explained ({of_order} of memory order), {count['uncompilable']} uncompilable: "
        f"{100 * count['killed'] / max(judged, 1):.1f} % of {judged}"
    )
    return 1 if survivors else 0


def interrupted(number: int, _frame: object) -> None:
    """No test outlives us; a mutant that is still in a copy is undone by the next run, which renews what differs."""
    battery.end_all()
    os._exit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(usage=(__doc__ or "").partition("usage: ")[2])
    parser.add_argument("seed", type=int, nargs="?", default=1)
    parser.add_argument("count", type=int, nargs="?", default=300)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--file", action="append", default=[])
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true")
    want = parser.parse_args()
    os.nice(5)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)

    mutants = mutate.mutants_of(ROOT, mutate.sources(ROOT))
    kinds = explained.read(HERE / "explained.txt")
    for key in explained.stale(kinds, mutants):
        print(f"mutants: explained.txt has an entry without a mutant: {key}", file=sys.stderr)
        return 1
    files = {f"lib/{pathlib.Path(f).name}" for f in want.file}
    chosen = mutate.sample([m for m in mutants if not files or m.file in files], want.seed, want.count)
    if want.list:
        print("\n".join(f"{m.file}:{m.at}: {identity(m)}" for m in chosen))
        return 0
    run = Run(max(1, want.jobs), want.quick)
    run.prepare()
    run.run([m for m in chosen if m.key not in kinds and not (want.again and run.kept.settled(m))])
    quick = ", by quick tests alone" if want.quick else ""
    return report(f"seed {want.seed}, {len(chosen)} of {len(mutants)}{quick}", chosen, kinds, run.kept)


if __name__ == "__main__":
    sys.exit(main())
