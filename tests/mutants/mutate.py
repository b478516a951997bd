"""mutate.py - what can be changed in a C file, one small fault at a time: found by libclang, so that a change falls on code and not on text.

A mutant is known by its file, its function, its operator, the text of its line, and which of those alike it is; not by a line number, which
any other change would move. Memory-order arguments are left alone, and so are fences and static probes.
"""
from __future__ import annotations

import dataclasses
import pathlib
import random
import re
import subprocess
from collections.abc import Iterator

from clang import cindex
from clang.cindex import Cursor, CursorKind as K

ASSIGNMENT = {"=", "+=", "-=", "|=", "&=", "^=", "<<=", ">>=", "*=", "/="}
BOUNDARY = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
LEAVES = (K.RETURN_STMT, K.BREAK_STMT, K.CONTINUE_STMT, K.GOTO_STMT)
NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9]+)([uUlL]*)")
ERROR = re.compile(r"-E[A-Z0-9]+")
OPERATOR = re.compile(r"(?:\s|/\*.*?\*/)*([-+*/%<>=!&|^,]+)(?:\s|/\*.*?\*/)*", re.S)
UNTOUCHED = re.compile(r"(PROBE|atomic_(thread|signal)_fence|__asm__|__atomic_(thread|signal)_fence)\b")


@dataclasses.dataclass(frozen=True)
class Mutant:
    file: str
    function: str
    operator: str
    line: str  # its text, without comments
    number: int  # of those that are alike in all the rest, from 1
    at: int  # line number, for people
    start: int
    end: int
    new: str

    @property
    def key(self) -> str:
        return f"{self.file} {self.function} {self.operator} {self.number} | {self.line}"

    def apply(self, text: bytes) -> bytes:
        return text[: self.start] + self.new.encode() + text[self.end :]


def plain(line: str) -> str:
    """A line of source without its comments and its indentation."""
    line = re.sub(r"/\*.*?(\*/|$)", "", line)
    return " ".join(re.sub(r"^.*\*/", "", line).split())


class Finder:
    """The mutants of one file."""

    def __init__(self, root: pathlib.Path, file: str, arguments: list[str]) -> None:
        self.file = file
        self.text = (root / file).read_bytes()
        options = cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD
        self.unit = cindex.Index.create().parse(str(root / file), ["-x", "c", *arguments], options=options)
        errors = [d for d in self.unit.diagnostics if d.severity >= cindex.Diagnostic.Error]
        if errors:
            raise ValueError(f"{file}: {errors[0]}; mutants need code that compiles")
        self.path = str(root / file)
        self.macros = [self.span(c) for c in self.top() if c.kind == K.MACRO_INSTANTIATION and self.said(c).endswith(")")]
        self.found: list[tuple[str, str, int, int, str]] = []
        self.function, self.result = "-", ""  # the one being walked, and the type that it returns

    def top(self) -> Iterator[Cursor]:
        for c in self.unit.cursor.get_children():
            if c.location.file and c.location.file.name == self.path:
                yield c

    @staticmethod
    def span(c: Cursor) -> tuple[int, int]:
        return c.extent.start.offset, c.extent.end.offset

    def cut(self, start: int, end: int) -> str:
        return self.text[start:end].decode()

    def said(self, c: Cursor) -> str:
        return self.cut(*self.span(c))

    def in_macro(self, start: int, end: int) -> bool:
        """Is it made by a macro, rather than written here?"""
        return any((start >= a and end <= b) or a < start < b or a < end < b for a, b in self.macros)

    def add(self, operator: str, start: int, end: int, new: str) -> None:
        if start < end and not self.in_macro(start, end):
            self.found.append((self.function, operator, start, end, new))

    def put(self, operator: str, c: Cursor, new: str) -> None:
        """`new`, with what it replaces in the place of an @."""
        self.add(operator, *self.span(c), new.replace("@", self.said(c)))

    # ---- what there is to change ----

    def mutants(self) -> list[Mutant]:
        for c in self.top():
            if c.kind == K.FUNCTION_DECL and c.is_definition():
                self.function, self.result = c.spelling, str(c.result_type.spelling)
                self.walk(c)
            elif c.kind in (K.ENUM_DECL, K.VAR_DECL):
                self.function = "-"
                self.walk(c)
        return self.number()

    def number(self) -> list[Mutant]:
        lines = self.text.decode().split("\n")
        seen: dict[tuple[str, str, str], int] = {}
        mutants = []
        for function, operator, start, end, new in sorted(set(self.found), key=lambda f: f[2:4] + f[:2] + f[4:]):
            at = self.text.count(b"\n", 0, start)
            line = plain(lines[at])
            alike = (function, operator, line)
            seen[alike] = seen.get(alike, 0) + 1
            mutants.append(Mutant(self.file, function, operator, line, seen[alike], at + 1, start, end, new))
        return mutants

    def walk(self, c: Cursor) -> None:
        kinds = {
            K.IF_STMT: self.see_if,
            K.WHILE_STMT: lambda s: self.see_condition(next(s.get_children())),
            K.DO_STMT: lambda s: self.see_condition(list(s.get_children())[-1]),
            K.FOR_STMT: self.see_for,
            K.CONDITIONAL_OPERATOR: lambda s: self.see_condition(next(s.get_children())),
            K.BINARY_OPERATOR: self.see_binary,
            K.RETURN_STMT: self.see_return,
            K.VAR_DECL: self.see_variable,
            K.INTEGER_LITERAL: self.see_number,
            K.COMPOUND_STMT: self.see_block,
        }
        if c.kind in (K.STATIC_ASSERT, K.STRUCT_DECL, K.UNION_DECL):
            return
        if c.kind in kinds:
            kinds[c.kind](c)
        children = list(c.get_children())
        if c.kind == K.CALL_EXPR and self.said(c).startswith("__builtin_expect("):
            children = children[:2]  # the function and its condition; the rest is a hint
        for child in children:
            self.walk(child)

    def see_condition(self, c: Cursor) -> None:
        self.put("negate", c, "!(@)")

    def see_if(self, c: Cursor) -> None:
        condition, then, *other = c.get_children()
        self.see_condition(condition)
        self.see_single(then)
        if other:
            self.see_single(other[0])
        else:
            self.put("drop-check", condition, "((void)(@), 0)")

    def see_for(self, c: Cursor) -> None:
        """libclang leaves out the parts that are not there: the condition is what begins between the semicolons."""
        children = list(c.get_children())
        body = self.span(children[-1])[0]
        semicolons = [t.extent.start.offset for t in c.get_tokens() if t.spelling == ";" and t.extent.start.offset < body][:2]
        for child in children[:-1]:
            if len(semicolons) == 2 and semicolons[0] < self.span(child)[0] < semicolons[1]:
                self.see_condition(child)
        self.see_single(children[-1])

    def operator_of(self, c: Cursor) -> tuple[str, int, int] | None:
        """The operator of two operands, and where it is; None if a macro made it."""
        left, right = c.get_children()
        after = self.span(left)[1]
        found = OPERATOR.fullmatch(self.cut(after, self.span(right)[0]))
        return (found[1], after + found.start(1), after + found.end(1)) if found else None

    def see_binary(self, c: Cursor) -> None:
        found = self.operator_of(c)
        if not found:
            return
        token, start, end = found
        left, right = c.get_children()
        if token in BOUNDARY:
            self.add("boundary", start, end, BOUNDARY[token])
        elif token in ("==", "!="):
            self.add("equality", start, end, "!=" if token == "==" else "==")
        elif token in ("&&", "||"):
            for operand in (left, right):
                self.put("drop-operand", operand, "1" if token == "&&" else "0")
        elif token == "=":
            self.see_result(right)

    def see_result(self, c: Cursor) -> None:
        """A call whose error is thrown away."""
        inner: Cursor | None = c
        while inner is not None and inner.kind == K.UNEXPOSED_EXPR:  # a conversion that is not written
            inner = next(inner.get_children(), None)
        if inner is not None and inner.kind == K.CALL_EXPR and inner.type.spelling == "int" and not UNTOUCHED.match(self.said(c)):
            self.put("ignore-error", c, "((void)@, 0)")

    def see_variable(self, c: Cursor) -> None:
        for child in c.get_children():
            if child.kind.is_expression():
                self.see_result(child)

    def see_return(self, c: Cursor) -> None:
        value = next(c.get_children(), None)
        if value is None:
            return
        said = self.said(value)
        if ERROR.fullmatch(said):
            self.put("return-error", value, "0")
            self.put("return-error", value, "-EDOM")
        elif said in ("true", "false"):
            self.put("return-bool", value, "false" if said == "true" else "true")
        elif said == "0" and self.result == "int":
            self.put("return-error", value, "-EDOM")
        elif said == "err":
            self.put("return-error", value, "0")
        elif self.result in ("bool", "_Bool"):
            self.put("negate", value, "!(@)")
        else:
            self.see_result(value)

    def see_number(self, c: Cursor) -> None:
        number = NUMBER.fullmatch(self.said(c))
        if number:
            self.put("constant", c, "(@ + 1)")
            if number[1].strip("0xX"):
                self.put("constant", c, "0" + number[2])

    def see_block(self, c: Cursor) -> None:
        before: Cursor | None = None
        for child in c.get_children():
            kind = self.see_single(child)
            if kind == "store" and before is not None:
                self.swap(before, child)
            before = child if kind == "store" else None

    def swap(self, first: Cursor, second: Cursor) -> None:
        (a, b), (c, d) = self.span(first), self.span(second)
        self.add("swap-stores", a, d, self.cut(c, d) + self.cut(b, c) + self.cut(a, b))

    def see_single(self, c: Cursor) -> str | None:
        """A statement that stores or calls, and nothing more, can be left out."""
        said = self.said(c)
        if c.kind in (K.COMPOUND_STMT, *LEAVES) or not c.kind.is_expression() or UNTOUCHED.match(said):
            return None
        kind = self.kind_of(c, said)
        if kind:
            self.put(f"drop-{kind}", c, "(void)0")
        return kind

    def kind_of(self, c: Cursor, said: str) -> str | None:
        if re.match(r"(\(void\))?atomic_(store|fetch|exchange|compare)", said) or c.kind in (
            K.COMPOUND_ASSIGNMENT_OPERATOR,
            K.UNARY_OPERATOR,
        ):
            return "store"
        if c.kind == K.BINARY_OPERATOR:
            found = self.operator_of(c)
            return "store" if found and found[0] in ASSIGNMENT else None
        return "call" if re.match(r"(\(void\))?\w+\(", said) else None


def arguments_of(root: pathlib.Path) -> list[str]:
    resources = subprocess.run(["clang", "-print-resource-dir"], check=True, capture_output=True, text=True).stdout.strip()
    machine = subprocess.run(["uname", "-m"], check=True, capture_output=True, text=True).stdout.strip()
    cas16 = ["-mcx16"] if machine == "x86_64" else []
    return ["-std=gnu11", "-resource-dir", resources, "-D_GNU_SOURCE", f"-I{root}/include", "-iquote", f"{root}/lib", *cas16]


# No code, or none that is built here: the shared bytes; what tests take out; the probes; the twin.
LEFT_OUT = {"format.h", "breakage.h", "probe.h", "numa_none.c"}


def mutants_of(root: pathlib.Path, files: list[str]) -> list[Mutant]:
    arguments = arguments_of(root)
    return [m for file in files for m in Finder(root, file, arguments).mutants()]


def sources(root: pathlib.Path) -> list[str]:
    return sorted(f"lib/{p.name}" for p in (root / "lib").glob("*.[ch]") if p.name not in LEFT_OUT)


def sample(mutants: list[Mutant], seed: int, count: int) -> list[Mutant]:
    """One of each `count` equal parts, so that every file has its share; the same for the same seed, in an order of its own."""
    dice = random.Random(seed)
    count = min(count, len(mutants))
    bounds = [len(mutants) * i // count for i in range(count + 1)]
    chosen = [mutants[dice.randrange(a, b)] for a, b in zip(bounds, bounds[1:])]
    dice.shuffle(chosen)
    return chosen
