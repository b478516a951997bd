"""What one operation of the module costs, in microseconds: the best of many short rounds, of one process alone.

    python3 bench.py                            the module that is installed
    LFVEC_PURE_PYTHON=1 python3 bench.py        without its extension
"""

import os
import timeit

import lfvec

ROUNDS, TIMES = 200, 500
FORMATS = (("Q", 5), ("d", 0.5), ("IIf", (1, 2, 0.5)), (bytes, b"12345678"))


def cost(statement, variables, times=TIMES):
    return min(timeit.repeat(statement, globals=variables, number=times, repeat=ROUNDS)) / times * 1e6


def rows(v, value):
    variables = {"v": v, "x": value}
    yield "push", cost("v.push(x)", variables)
    yield "pop", cost("v.pop()", variables)
    v.extend([value] * 1000)
    yield "v[i]", cost("v[5]", variables)
    yield "v[-1]", cost("v[-1]", variables)
    yield "v[i] = x", cost("v[5] = x", variables)
    yield "len(v)", cost("len(v)", variables)


def main():
    name = "/lfvec-bench-{}".format(os.getpid())
    table = {}
    for form, value in FORMATS:
        with lfvec.Vector(name, form, elem_size=8 if form is bytes else None) as v:
            for row, time in rows(v, value):
                table.setdefault(row, []).append(time)
        lfvec.unlink(name)
    print("| us a call | " + " | ".join("bytes" if form is bytes else '`"{}"`'.format(form) for form, _ in FORMATS) + " |")
    print("|---|" + "---|" * len(FORMATS))
    for row, times in table.items():
        print("| `{}` | ".format(row) + " | ".join("{:.2f}".format(time) for time in times) + " |")


if __name__ == "__main__":
    main()
