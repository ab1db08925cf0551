"""A symbolic size is arithmetic and nothing else, and is told so in linear time."""

from __future__ import annotations

import pytest

from edgeloop.runtimes._torch_operators import is_permitted
from edgeloop.runtimes._torch_sizes import is_guard, is_size


@pytest.mark.parametrize(
    "text",
    [
        "s0",
        "2*s0 + 1",
        "((s0 + 1)//2)",
        "s0**2 % 4",
        "Symbol('s48', positive=True, integer=True)",
        "Add(FloorDiv(Add(Symbol('s48', integer=True), Integer(-1)), Integer(2)), Integer(1))",
        "Pow(Symbol('s0'), Integer(-1))",
        "Max(1, Min(s0, 64))",
        "Eq(s0, 1)",
        "FloatTrueDiv(s0, 2.5)",
    ],
)
def test_sizes_that_pytorch_writes(text):
    assert is_size(text)


def call(name):
    """Return an expression that makes a function of sympy's from the text of its name."""
    return f"lambdify(Symbol('a'),Function('{name[:2]}' '{name[2:]}')(Symbol('a')))"


@pytest.mark.parametrize(
    "text",
    [
        "",
        call("exec") + f"({call('chr')}(105))",
        "__import__('os')",
        "exec(s0)",
        "Function('exec')(s0)",
        "Symbol('a')(1)",
        "Symbol('a' 'b')",
        "s0.real",
        "s0[0]",
        "s0; s1",
        "'s0'",
        "s0 s1",
        "(s0",
        "lambda: 1",
        "s0 if s1 else s2",
        "L['x'].size()[0]",
        "9**9**9",
        "Pow(9, Pow(9, 9))",
        "((9**99)**99)**99",
        "1" * 30,
    ],
)
def test_everything_else_is_refused(text):
    assert not is_size(text)
    assert text[:2] == "L[" or not is_guard(text)


@pytest.mark.parametrize("depth", [100, 100_000])
def test_nesting_is_refused_without_recursion(depth):
    assert not is_size("(" * depth + "1" + ")" * depth)


@pytest.mark.parametrize("text", ["a" * 24 + "$", "a" * 60_000 + "$", "1+" * 30_000 + "$"])
def test_no_text_takes_exponential_time(text):
    """The expression that was here before doubled its time with each letter."""
    assert not is_size(text)


def test_guards():
    assert is_guard("L['y'].size()[0] == L['x'].size()[0]")
    assert is_guard("L['args'][0].size()[1] <= 10 and not (x.size()[0] == 3)")
    assert not is_guard("len([1])")
    assert not is_guard("x.size()[0].real == 1")


@pytest.mark.parametrize(
    ("target", "permitted"),
    [
        ("torch.ops.aten.conv2d.default", True),
        ("torch.ops.quantized_decomposed.quantize_per_tensor.default", True),
        ("torch.ops.higher_order.cond", True),
        ("_operator.mul", True),
        ("torch.sym_max", True),
        ("torch.ops.aten.from_file.default", False),
        ("torch.ops.load_library", False),
        ("torch.ops.aten.add.__init__.__globals__", False),
        ("torch.ops.c10d.broadcast_.default", False),
        ("torch.ops.higher_order.inductor_compiled_code", False),
        ("_operator.methodcaller", False),
        ("torch.load", False),
    ],
)
def test_operators_of_a_program(target, permitted):
    assert is_permitted(target) == permitted
