"""Pickles read as data: a machine for the few instructions that dictionaries of tensors need, which calls nothing.

A pickle is a program; the usual machine imports what it names and calls it. This one knows a handful of names, and
each stands for a value of ours. Whatever else is named ends the reading, with that name. Work and memory grow with
the length of the pickle alone.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from acutance.errors import BadModel

MAX_BYTES = 64 << 20  # of one pickle; tensors are not in it
MAX_STEPS = 3_000_000
LITERALS = frozenset({
    "BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "BINFLOAT", "FLOAT", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "UNICODE", "BINSTRING", "SHORT_BINSTRING", "STRING", "BINBYTES", "SHORT_BINBYTES",
})  # fmt: skip
FIXED: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_DICT": dict, "EMPTY_LIST": list,
    "EMPTY_SET": list, "EMPTY_TUPLE": tuple,
}  # fmt: skip
SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
Keys = str | int | float | bytes | None


@dataclass(frozen=True)
class Name:
    """What a pickle calls by module and name. ``make``: what a call with arguments becomes."""

    module: str
    name: str
    make: Callable[..., Any] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True)
class Opaque:
    """Something harmless that is no tensor and that nobody here asks about."""

    what: str


class _Mark:
    pass


MARK = _Mark()


class Machine:
    """One pickle at ``position`` of ``data``. ``names``: what is known of a module and a name, or None;
    ``stored``: what a reference to bytes elsewhere stands for."""

    def __init__(
        self, names: Callable[[str, str], Name | None], stored: Callable[[Any], Any] = lambda reference: reference
    ) -> None:
        self.names, self.stored = names, stored
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> tuple[Any, int]:
        """The value, and how many bytes the pickle has. Raises ``BadModel``, without the file's name."""
        self.stack, self.memo = [], {}
        try:
            for steps, (operation, argument, position) in enumerate(pickletools.genops(data)):
                if steps > MAX_STEPS:
                    raise BadModel(f"holds more than {MAX_STEPS:,} instructions; refused")
                if operation.name == "STOP":
                    value = self.stack.pop()
                    if self.stack or isinstance(value, _Mark | Name):
                        raise ValueError
                    return value, (position or 0) + 1
                self._step(operation.name, argument)
        except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, UnicodeError) as error:
            raise BadModel("is damaged, or no file of tensors; get it again") from error
        raise BadModel("is cut short; get it again")

    def _step(self, operation: str, argument: Any) -> None:
        if operation in LITERALS:
            self.stack.append(argument)
        elif operation in FIXED:
            self.stack.append(FIXED[operation]())
        elif operation in SHORT_TUPLES:
            self.stack.append(tuple(self._take(SHORT_TUPLES[operation])))
        elif operation in ("PROTO", "FRAME"):
            return
        else:
            known = getattr(self, f"_{operation.lower()}", None)
            if known is None:
                raise BadModel(f"holds the instruction {operation}, which no file of tensors needs; refused")
            known(argument)

    def _take(self, count: int) -> list[Any]:
        """The last ``count`` values."""
        if count > len(self.stack):
            raise IndexError
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        if MARK in values:
            raise ValueError
        return values

    def _to_mark(self) -> list[Any]:
        """What was pushed since the last mark, which goes, too."""
        values = []
        while (value := self.stack.pop()) is not MARK:
            values.append(value)
        return values[::-1]

    def _mark(self, _: Any) -> None:
        self.stack.append(MARK)

    def _pop(self, _: Any) -> None:
        self.stack.pop()

    def _binput(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    _long_binput = _put = _binput

    def _memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _binget(self, place: int) -> None:
        self.stack.append(self.memo[place])

    _long_binget = _get = _binget

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._to_mark()))

    def _list(self, _: Any) -> None:
        self.stack.append(self._to_mark())

    def _dict(self, _: Any) -> None:
        values = self._to_mark()
        self.stack.append({})
        self._set(values)

    def _append(self, _: Any) -> None:
        value = self._take(1)
        self._list_below().extend(value)

    def _appends(self, _: Any) -> None:
        values = self._to_mark()
        self._list_below().extend(values)

    _additems = _appends

    def _list_below(self) -> list[Any]:
        if not isinstance(self.stack[-1], list):
            raise TypeError
        return self.stack[-1]

    def _setitem(self, _: Any) -> None:
        self._set(self._take(2))

    def _setitems(self, _: Any) -> None:
        self._set(self._to_mark())

    def _set(self, values: list[Any]) -> None:
        below = self.stack[-1]
        if not isinstance(below, dict | Opaque) or len(values) % 2:
            raise TypeError
        for key, value in zip(values[::2], values[1::2], strict=True):
            if isinstance(below, dict):
                below[key if isinstance(key, Keys) else Opaque(type(key).__name__)] = value

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._name(module, name)

    def _stack_global(self, _: Any) -> None:
        module, name = self._take(2)
        self._name(module, name)

    def _name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError
        known = self.names(module, name)
        if known is None:
            called = repr(f"{module}.{name}")[1:-1][:100]
            raise BadModel(
                f"holds more than tensors: opened as usual it would run {called}; refused. Get it as .safetensors, or "
                "as a state_dict alone"
            )
        self.stack.append(known)

    def _reduce(self, _: Any) -> None:
        called, arguments = self._take(2)
        if not isinstance(called, Name) or not isinstance(arguments, tuple):
            raise TypeError
        self.stack.append(called.make(*arguments))

    _newobj = _reduce

    def _build(self, _: Any) -> None:
        self.stack.pop()  # attributes of a dictionary or of something opaque: nothing that is asked for
        if not isinstance(self.stack[-1], dict | Opaque):
            raise TypeError

    def _binpersid(self, _: Any) -> None:
        self.stack.append(self.stored(*self._take(1)))
