"""The grammar of symbolic sizes and guards in a torch.export archive.

PyTorch hands the text of a size to sympy and that of a guard to Python, and both evaluate whatever
they are given. Here a text is taken apart by a grammar that knows integers, names, arithmetic,
comparisons and the functions of sizes; the time is linear in its length, and so is the magnitude of
the numbers that it can make.

    test    = clause (("and" | "or") clause)*
    clause  = "not"* sum (("==" | "!=" | "<" | "<=" | ">" | ">=") sum)*
    sum     = product (("+" | "-") product)*
    product = power (("*" | "/" | "//" | "%") power)*
    power   = "-"* atom ("**" "-"? INTEGER)?
    atom    = INTEGER | NAME | "(" test ")" | FUNCTION "(" test ("," test)* ")"
            | "Symbol" "(" QUOTED ("," NAME "=" ("True" | "False"))* ")"
            | SIZE                       in guards only: L['x'].size()[0]
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# The functions of sympy and of torch.utils._sympy.functions that PyTorch writes into sizes.
_FUNCTION_WORDS = """
    Integer Rational Float Add Mul Pow Max Min Abs floor ceiling Mod PythonMod FloorDiv CeilDiv
    CleanDiv ModularIndexing Where IntTrueDiv FloatTrueDiv FloatPow PowByNatural Identity ToFloat
    TruncToInt TruncToFloat CeilToInt FloorToInt RoundToInt RoundDecimal
    IsNonOverlappingAndDenseIndicator
    Eq Ne Lt Le Gt Ge Equality Unequality StrictLessThan LessThan StrictGreaterThan GreaterThan
    And Or Not Piecewise ExprCondPair max min
"""
_FUNCTIONS = frozenset(_FUNCTION_WORDS.split())
_POWERS = frozenset(("Pow", "FloatPow", "PowByNatural"))
_PRODUCTS = frozenset(("Mul",))

_MOST_CHARACTERS = 1 << 16  # of one size; a product of some hundred terms has a few thousand
_MOST_DEPTH = 60  # of brackets; Python's own parser stops at 100
_MOST_DIGITS = 20
# Of the largest number that a text can make from integers; sizes are of 64 bits.
_MOST_BITS = 4096

_TOKEN = re.compile(
    r"\s+"
    r"|(?P<size>[A-Za-z_]\w*(?:\['\w+'\]|\[\d+\])*\.(?:size|stride)\(\)\[\d+\])"
    r"|(?P<number>\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<quoted>'\w+')"
    r"|(?P<sign>\*\*|//|==|!=|<=|>=|[-+*/%()<>,=])",
    re.ASCII,
)
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


class _RefusedError(Exception):
    """The text is not of this grammar."""


def is_size(text: str) -> bool:
    """Say whether a text is a symbolic size, and nothing else."""
    return _accepted(text, guard=False)


def is_guard(text: str) -> bool:
    """Say whether a text is a condition on the sizes of inputs, and nothing else."""
    return _accepted(text, guard=True)


def _accepted(text: str, *, guard: bool) -> bool:
    try:
        _Parser(text, guard=guard).whole()
    except _RefusedError:
        return False
    return True


def _tokens(text: str, *, guard: bool) -> Iterator[tuple[str, str]]:
    if len(text) > _MOST_CHARACTERS:
        raise _RefusedError
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or (match.lastgroup == "size" and not guard):
            raise _RefusedError
        if match.lastgroup is not None:
            yield match.lastgroup, match.group()
        position = match.end()
    yield "end", ""


class _Parser:
    """Recursive descent; each rule returns the bits of the largest number that it can make."""

    def __init__(self, text: str, *, guard: bool) -> None:
        self._rest = _tokens(text, guard=guard)
        self._depth = 0
        self._kind, self._text = next(self._rest)

    def whole(self) -> None:
        """Read the text to its end."""
        self._test()
        if self._kind != "end":
            raise _RefusedError

    def _take(self) -> str:
        taken = self._text
        self._kind, self._text = next(self._rest)
        return taken

    def _is(self, *words: str) -> bool:
        return self._kind in ("sign", "name") and self._text in words

    def _expect(self, word: str) -> None:
        if not self._is(word):
            raise _RefusedError
        self._take()

    def _test(self) -> int:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise _RefusedError
        bits = self._clause()
        while self._is("and", "or"):
            self._take()
            bits = max(bits, self._clause())
        self._depth -= 1
        return bits

    def _clause(self) -> int:
        while self._is("not"):
            self._take()
        bits = self._sum()
        while self._is(*_COMPARISONS):
            self._take()
            bits = max(bits, self._sum())
        return bits

    def _sum(self) -> int:
        bits = self._product()
        while self._is("+", "-"):
            self._take()
            bits = _bounded(max(bits, self._product()) + 1)
        return bits

    def _product(self) -> int:
        bits = self._power()
        while self._is("*", "/", "//", "%"):
            self._take()
            bits = _bounded(bits + self._power())
        return bits

    def _power(self) -> int:
        while self._is("-"):
            self._take()
        bits = self._atom()
        if not self._is("**"):
            return bits
        self._take()
        if self._is("-"):
            self._take()
        return _bounded(bits * self._integer())

    def _integer(self) -> int:
        if self._kind != "number" or not self._text.isdigit() or len(self._text) > _MOST_DIGITS:
            raise _RefusedError
        return int(self._take())

    def _atom(self) -> int:
        if self._kind == "size":
            self._take()
            return 1
        if self._kind == "number":
            return self._number()
        if self._is("("):
            self._take()
            bits = self._test()
            self._expect(")")
            return bits
        if self._kind != "name" or "__" in self._text:
            raise _RefusedError
        name = self._take()
        if not self._is("("):
            return 1
        self._take()
        return self._symbol() if name == "Symbol" else self._call(name)

    def _number(self) -> int:
        if len(self._text) > _MOST_DIGITS:
            raise _RefusedError
        text = self._take()
        return int(text).bit_length() + 1 if text.isdigit() else 64

    def _symbol(self) -> int:
        if self._kind != "quoted":
            raise _RefusedError
        self._take()
        while self._is(","):
            self._take()
            if self._kind != "name":
                raise _RefusedError
            self._take()
            self._expect("=")
            if not self._is("True", "False"):
                raise _RefusedError
            self._take()
        self._expect(")")
        return 1

    def _call(self, name: str) -> int:
        if name not in _FUNCTIONS:
            raise _RefusedError
        bits = [self._test()]
        while self._is(","):
            self._take()
            if name in _POWERS:
                return self._exponent(bits[0])
            bits.append(self._test())
        self._expect(")")
        if name in _PRODUCTS:
            return _bounded(sum(bits))
        return _bounded(max(bits) + len(bits) - 1)

    def _exponent(self, bits: int) -> int:
        """Read the second argument of a power, which PyTorch writes as Integer(2) or 2."""
        wrapped = self._is("Integer")
        if wrapped:
            self._take()
            self._expect("(")
        if self._is("-"):
            self._take()
        exponent = self._integer()
        for _ in range(1 + wrapped):
            self._expect(")")
        return _bounded(bits * exponent)


def _bounded(bits: int) -> int:
    if bits > _MOST_BITS:
        raise _RefusedError
    return bits
