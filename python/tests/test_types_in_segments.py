"""The type of elements is kept in the segment: doubles are not read as integers."""

import pytest

import lfvec


@pytest.mark.parametrize(
    "form, text",
    [("Q", "u64"), ("i", "i32"), ("d", "f64"), ("16s", "s16"), ("IIf", "u32,u32,f32"), ("=IQ", "u32,u64"), ("dI0d", "f64,u32"), (">H", "x2")],
)
def test_it_is_written(name, form, text):
    with lfvec.Vector(name, form) as v:
        assert v.stat().elem_format == text
    lfvec.Vector(name, form).close()


def test_it_is_compared(name):
    with lfvec.Vector(name, "d") as v:
        v.push(0.5)
    for wrong in ("Q", "q", "II", "8s", ">d"):
        for how in ({}, {"create": False}, {"readonly": True}):
            with pytest.raises(lfvec.MismatchError, match="f64") as caught:
                lfvec.Vector(name, wrong, **how)
            assert caught.value.filename == name
    with pytest.raises(ValueError):
        lfvec.Vector(name, int)
    with lfvec.Vector(name, bytes) as v:
        assert len(v.pop()) == 8


def test_it_is_used_if_nothing_else_is_said(name):
    for form, value in (("d", 0.5), ("q", -1), ("IIf", (1, 2, 0.5)), ("16s", b"0123456789abcdef"), ("dI0d", (0.5, 3))):
        with lfvec.Vector(name, form) as v:
            v.push(value)
        with lfvec.Vector(name) as v:
            assert v[0] == value
        lfvec.unlink(name)


def test_none_is_written_if_none_is_given(name):
    with lfvec.Vector(name, elem_size=8) as v:
        assert v.stat().elem_format == ""
    for form in ("Q", "d", bytes, None, int):
        lfvec.Vector(name, form).close()


def test_what_is_too_long_to_be_written(name):
    with lfvec.Vector(name, "60B") as v:
        v.push(tuple(range(60)))
        assert v.stat().elem_format == ""
