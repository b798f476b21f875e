"""A reader of pickles that can neither import nor call anything.

Arrays travel as pickles, and a pickle is a program: Python's own reader runs it. This one knows
only the words by which arrays, FITS tables and tables are described, keeps what they say as plain
data, and refuses every other word by its name.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.mmoda import pickled_fits, pickled_numpy, pickled_table
from astroquery_mmdc.mmoda.limits import Budget, Limits
from astroquery_mmdc.mmoda.pickled import Name, Pending, refuse, settled

__all__ = ["read_pickle"]

_WORLD: dict[tuple[str, str], Name] = {
    **pickled_numpy.NAMES,
    **pickled_fits.NAMES,
    **pickled_table.NAMES,
}
_LONGEST_INTEGER = 64
_KEYS = (str, bytes, int, float, bool, type(None))
_STOP = ord(".")
_FORBIDDEN = {
    ord("P"): "PERSID",
    ord("Q"): "BINPERSID",
    ord("i"): "INST",
    ord("o"): "OBJ",
    0x82: "EXT1",
    0x83: "EXT2",
    0x84: "EXT4",
    0x92: "NEWOBJ_EX",
    0x97: "NEXT_BUFFER",
    0x98: "READONLY_BUFFER",
}


def read_pickle(data: bytes | bytearray, *, limits: Limits | None = None) -> Any:
    """Return what a pickle describes: an array, a table, or a plain value.

    Parameters
    ----------
    data : bytes
        The pickle.
    limits : `~astroquery_mmdc.mmoda.limits.Limits`, optional
        Sizes beyond which it is refused.

    Raises
    ------
    ParseError
        With the name, the data type or the size that was refused, or the place of the damage.
    """
    machine = _Machine(data, Budget(limits or Limits()))
    try:
        return settled(machine.run())
    except ParseError as err:
        msg = f"pickle, byte {machine.place}: {err}"
        raise ParseError(msg) from err
    except (IndexError, KeyError, ValueError, TypeError, struct.error) as err:
        # What a cut or garbled stream leads to: a stack run empty, text that is none.
        msg = f"pickle, byte {machine.place}: damaged ({type(err).__name__}: {err})"
        raise ParseError(msg) from err


class _Machine:
    """The stack, the marks on it and the notes that a pickle works with."""

    __slots__ = ("budget", "data", "marks", "memo", "place", "stack")

    def __init__(self, data: bytes | bytearray, budget: Budget) -> None:
        self.data = memoryview(data)
        self.budget = budget
        self.place = 0
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        data, budget = self.data, self.budget
        while True:
            code = data[self.place]
            self.place += 1
            if code == _STOP:
                return self.stack.pop()
            step = _STEPS.get(code)
            if step is None:
                refuse(f"the instruction {_FORBIDDEN.get(code, hex(code))}")
            budget.take_objects()
            step(self)

    def take(self, count: int) -> memoryview:
        """Return the next bytes; a count beyond the end is a cut stream."""
        end = self.place + count
        if count < 0 or end > len(self.data):
            refuse(f"{count} bytes where {len(self.data) - self.place} are left")
        piece = self.data[self.place : end]
        self.place = end
        return piece

    def number(self, form: str) -> int:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]  # type: ignore[no-any-return]

    def line(self) -> str:
        """Return the text up to the end of the line."""
        for end in range(self.place, min(self.place + 400, len(self.data))):
            if self.data[end] == 0x0A:
                text = bytes(self.data[self.place : end]).decode("utf-8")
                self.place = end + 1
                return text
        refuse("a name without an end")

    def since_mark(self) -> list[Any]:
        """Return what was put onto the stack since the last mark."""
        items = self.stack
        self.stack = self.marks.pop()
        return items


# ---------------------------------------------------------------- steps


def _constant(value: Any) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        machine.stack.append(value)

    return step


def _integer(form: str) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        machine.stack.append(machine.number(form))

    return step


def _long(form: str) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        size = machine.number(form)
        if size > _LONGEST_INTEGER:
            refuse(f"an integer of {size} bytes")
        machine.stack.append(int.from_bytes(machine.take(size), "little", signed=True))

    return step


def _string(form: str) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        raw = machine.take(machine.number(form))
        machine.stack.append(str(raw, "utf-8", "surrogatepass"))

    return step


def _bytes(form: str) -> Callable[[_Machine], None]:
    # Views and no copies: an array is copied once, when it is made.
    def step(machine: _Machine) -> None:
        size = machine.number(form)
        view = machine.take(size)
        machine.stack.append(view if size > 1000 else bytes(view))

    return step


def _tuple(count: int) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        stack = machine.stack
        if len(stack) < count:
            refuse("a tuple of more items than there are")
        items = tuple(stack[-count:])
        del stack[-count:]
        stack.append(items)

    return step


def _skip(count: int) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        machine.take(count)

    return step


def _proto(machine: _Machine) -> None:
    version = machine.number("<B")
    if version > 5:
        refuse(f"version {version} of the pickle language")


def _mark(machine: _Machine) -> None:
    machine.marks.append(machine.stack)
    machine.stack = []


def _append(machine: _Machine) -> None:
    item = machine.stack.pop()
    _list_on_top(machine).append(item)


def _appends(machine: _Machine) -> None:
    items = machine.since_mark()
    _list_on_top(machine).extend(items)


def _list_on_top(machine: _Machine) -> list[Any]:
    target = machine.stack[-1]
    if not isinstance(target, list):
        refuse(f"appending to a {type(target).__name__}")
    return target


def _set_item(machine: _Machine) -> None:
    value = machine.stack.pop()
    key = machine.stack.pop()
    _set(machine, [key, value])


def _set_items(machine: _Machine) -> None:
    _set(machine, machine.since_mark())


def _set(machine: _Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if not isinstance(target, dict) or len(items) % 2:
        refuse(f"setting items of a {type(target).__name__}")
    for key, value in zip(items[::2], items[1::2], strict=True):
        # Nested keys could take for ever to hash.
        if not isinstance(key, _KEYS):
            refuse(f"a dictionary with a {type(key).__name__} as key")
        target[key] = value


def _list(machine: _Machine) -> None:
    items = machine.since_mark()
    machine.stack.append(items)


def _dict(machine: _Machine) -> None:
    items = machine.since_mark()
    machine.stack.append({})
    _set(machine, items)


def _tuple_since_mark(machine: _Machine) -> None:
    items = tuple(machine.since_mark())
    machine.stack.append(items)


def _named(machine: _Machine, module: Any, name: Any) -> None:
    if not isinstance(module, str) or not isinstance(name, str):
        refuse("a name that is no text")
    known = _WORLD.get((module, name))
    if known is None:
        refuse(f"the name {module[:100]}.{name[:100]}")
    machine.stack.append(known)


def _global(machine: _Machine) -> None:
    module = machine.line()
    _named(machine, module, machine.line())


def _stack_global(machine: _Machine) -> None:
    name = machine.stack.pop()
    module = machine.stack.pop()
    _named(machine, module, name)


def _call(machine: _Machine) -> None:
    args = machine.stack.pop()
    target = machine.stack.pop()
    if not isinstance(target, Name):
        refuse(f"a call of a {type(target).__name__}")
    machine.stack.append(target.call(args, machine.budget))


def _build(machine: _Machine) -> None:
    state = machine.stack.pop()
    target = machine.stack[-1]
    if not isinstance(target, Pending):
        refuse(f"setting the state of a {getattr(target, 'path', type(target).__name__)}")
    target.build(state, machine.budget)


def _put(form: str) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        machine.memo[machine.number(form)] = machine.stack[-1]

    return step


def _memoize(machine: _Machine) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


def _get(form: str) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        machine.stack.append(machine.memo[machine.number(form)])

    return step


def _float(machine: _Machine) -> None:
    machine.stack.append(struct.unpack(">d", machine.take(8))[0])


def _byte_array(machine: _Machine) -> None:
    machine.stack.append(machine.take(machine.number("<Q")))


def _new_list(machine: _Machine) -> None:
    machine.stack.append([])


def _new_dict(machine: _Machine) -> None:
    machine.stack.append({})


def _pop(machine: _Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.since_mark()


def _pop_mark(machine: _Machine) -> None:
    machine.since_mark()


def _duplicate(machine: _Machine) -> None:
    machine.stack.append(machine.stack[-1])


_STEPS: dict[int, Callable[[_Machine], None]] = {
    0x80: _proto,
    0x95: _skip(8),
    ord("("): _mark,
    ord("0"): _pop,
    ord("1"): _pop_mark,
    ord("2"): _duplicate,
    ord("N"): _constant(None),
    0x88: _constant(True),
    0x89: _constant(False),
    ord("J"): _integer("<i"),
    ord("K"): _integer("<B"),
    ord("M"): _integer("<H"),
    0x8A: _long("<B"),
    0x8B: _long("<i"),
    ord("G"): _float,
    ord("T"): _bytes("<i"),
    ord("U"): _bytes("<B"),
    ord("C"): _bytes("<B"),
    ord("B"): _bytes("<I"),
    0x8E: _bytes("<Q"),
    0x96: _byte_array,
    ord("X"): _string("<I"),
    0x8C: _string("<B"),
    0x8D: _string("<Q"),
    ord(")"): _constant(()),
    ord("t"): _tuple_since_mark,
    0x85: _tuple(1),
    0x86: _tuple(2),
    0x87: _tuple(3),
    ord("]"): _new_list,
    ord("l"): _list,
    ord("a"): _append,
    ord("e"): _appends,
    ord("}"): _new_dict,
    ord("d"): _dict,
    ord("s"): _set_item,
    ord("u"): _set_items,
    ord("c"): _global,
    0x93: _stack_global,
    ord("R"): _call,
    0x81: _call,
    ord("b"): _build,
    ord("q"): _put("<B"),
    ord("r"): _put("<I"),
    0x94: _memoize,
    ord("h"): _get("<B"),
    ord("j"): _get("<I"),
}
