"""Random records to and from lfvec-shmctl by Python's csv and json modules: rfc4180.py TOOL NAME RECORDS SEED. Prints what failed; status 1."""

import csv
import io
import json
import random
import subprocess
import sys

TOOL, NAME, COUNT, SEED = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
FIELDS, SIZE = "u32,s40,f64,s24", 80
PIECES = ['"', '""', ",", "\n", "\r\n", "\r", " ", "\t", "\\", "\\x41", "\\xff", "'", ";", "#", "a", "bc", "ä", "€", "𝄞", "\u202e", "\x1b[2J", "\x7f"]
WHOLE = ["", " ", '"', "INDEX", "VALUE 1", "FIELD", "null", "-", "=1+1"]
random.seed(SEED)


def text(size):
    """A string of at most so many bytes that does not end with a zero."""
    if random.random() < 0.1:
        return random.choice(WHOLE)
    out = ""
    while random.random() < 0.9:
        piece = random.choice(PIECES)
        if len((out + piece).encode()) > size:
            break
        out += piece
    return out


def record():
    number = random.choice([0.0, -1.5, 0.1, 1e300, 5e-324, 1e15, -999999999999999.0, 1e6, random.random(), random.uniform(-1e9, 1e9)])
    return [random.randrange(2**32), text(40), number, text(24)]


def run(*args, stdin=b""):
    done = subprocess.run([TOOL, *args], input=stdin, capture_output=True)
    if done.returncode:
        sys.exit("{}: status {}: {}".format(" ".join(args), done.returncode, done.stderr.decode(errors="replace")))
    return done.stdout


def fresh():
    subprocess.run([TOOL, "rm", "--yes", NAME], capture_output=True)
    run("create", "--format", FIELDS, "--elem-size", str(SIZE), NAME)


def same(what, got, wanted):
    for i, (a, b) in enumerate(zip(got, wanted)):
        if a != b:
            sys.exit("{}: record {} of seed {}: {!r}, wanted {!r}".format(what, i, SEED, a, b))
    if len(got) != len(wanted):
        sys.exit("{}: {} records, wanted {}".format(what, len(got), len(wanted)))


def written(records, **options):
    out = io.StringIO(newline="")
    csv.writer(out, **options).writerows(records)
    return out.getvalue().encode()


def read(data):
    rows = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
    assert next(rows) == ["INDEX", "FIELD1", "FIELD2", "FIELD3", "FIELD4"]
    return [[int(row[1]), row[2], float(row[3]), row[4]] for row in rows]


records = [record() for _ in range(COUNT)]
fresh()
for options in ({}, {"lineterminator": "\n", "quoting": csv.QUOTE_ALL}, {"quoting": csv.QUOTE_ALL}, {"quoting": csv.QUOTE_NONNUMERIC}):
    run("reset", "--yes", NAME)
    run("load", "--quiet", "--noheadings", "--format", "csv", NAME, stdin=b"\xef\xbb\xbf" + written(records, **options))
    same("from Python, {}".format(options), read(run("dump", "--format", "csv", NAME)), records)
data = run("dump", "--format", "csv", NAME)
run("reset", "--yes", NAME)
run("load", "--quiet", "--format", "csv", NAME, stdin=data)
same("CSV to itself", run("dump", "--format", "csv", NAME).split(b"\n"), data.split(b"\n"))

same("JSON", [[row["field%d" % i] for i in range(1, 5)] for row in json.loads(run("dump", "--json", NAME))["elements"]], records)
lines = run("dump", "--format", "jsonl", NAME)
same("JSON Lines", [[json.loads(line)["field%d" % i] for i in range(1, 5)] for line in lines.splitlines()], records)
for what, form in (("of dump", lines), ("of Python", "\n".join(json.dumps(r) for r in records).encode())):
    run("reset", "--yes", NAME)
    run("load", "--quiet", "--format", "jsonl", NAME, stdin=form)
    same("JSON Lines {}, loaded".format(what), read(run("dump", "--format", "csv", NAME)), records)

# Any bytes, which are no UTF-8: JSON has them in hex.
fresh()
raw = b"".join(random.randbytes(SIZE) for _ in range(COUNT))
run("load", "--quiet", "--format", "raw", NAME, stdin=raw)
for form in ("csv,s80", "jsonl,s80", "string"):
    before = run("dump", "--format", form, NAME)
    if form.startswith("jsonl"):
        for line, i in zip(before.splitlines(), range(COUNT)):
            value = json.loads(line)["value"]
            value = bytes.fromhex(value["hex"]) if isinstance(value, dict) else value.encode()
            same("JSON of any bytes", [value], [raw[SIZE * i : SIZE * (i + 1)].rstrip(b"\0")])
    run("reset", "--yes", NAME)
    run("load", "--quiet", "--format", form, NAME, stdin=before)
    same("any bytes as " + form, [run("dump", "--format", "raw", "--noheadings", NAME)], [raw])
