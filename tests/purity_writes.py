"""Where functions write to what they did not make.

True here: what was there before a function was called is whatever a name of the module or an import
leads to. It is followed through elements, attributes and the names that a function gives them. What
a function makes of it, by brackets or a call, holds it, and a part of that is it again. In doubt it
is a table: a number of another file is added to by `c = c + b`, for `c += b` would change a list.
What is not followed is named in `docs/not_proven.md`, beside "What a sealed run does not see".
"""

import ast
import builtins
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from tests.purity_names import Variable, binds, given_by, variables_of

CHANGES = {
    *("append", "appendleft", "extend", "extendleft", "insert", "pop", "popleft", "popitem"),
    *("remove", "discard", "add", "update", "setdefault", "clear", "sort", "reverse"),
    *("difference_update", "intersection_update", "symmetric_difference_update"),
    *("move_to_end", "rotate", "__setitem__", "__delitem__", "__setattr__", "__delattr__"),
    *("__iadd__", "__iand__", "__imul__", "__ior__", "__isub__", "__ixor__", "__next__"),
}
# What changes the first thing that it is given.
CHANGERS = {
    *("setattr", "delattr", "next", "setitem", "delitem", "insort", "insort_left", "insort_right"),
    *("heappush", "heappop", "heapify", "heapreplace", "heappushpop"),
}
IN_PLACE = ast.Add | ast.BitAnd | ast.BitOr | ast.BitXor | ast.Mult | ast.Sub
# What these give of a table is a part of it.
PARTS = {"get", "setdefault", "pop", "popleft", "popitem", "__getitem__"}
PARTS_OF_FIRST = {"getattr", "max", "min", "next"}
# And these, something of their own that holds its parts.
VIEWS = {"copy", "items", "keys", "values"}
# And these, numbers or a text.
NUMBERS = {"Decimal", "bool", "int", "len", "range", "str"}
BUILTINS = frozenset(dir(builtins))


class Reach(IntEnum):
    """Whether something was there before the function was called."""

    OWN = 0
    HOLDS = 1  # made by the function, of what was there
    OUT = 2  # there before, or a part of what was


class Names(NamedTuple):
    variables: dict[ast.AST, Variable]
    reaches: dict[Variable, Reach]


def written(function: ast.AST, names: Names) -> Iterator[ast.AST]:
    """Where the function, and those within it, change what they did not make."""
    for node in ast.walk(function):
        if any(reach(each, names) is Reach.OUT for each in _changed(node)):
            yield node


def _changed(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case (
            ast.Attribute(ctx=ast.Store() | ast.Del(), value=whole)
            | ast.Subscript(ctx=ast.Store() | ast.Del(), value=whole)
        ):
            yield whole
        case ast.AugAssign(target=ast.Name() as target) if _is_in_place(node):
            yield target
        case ast.Call(func=called, args=[first, *_]) if _changes_first(called):
            yield first
    yield from _changed_by_method(node)


def _changed_by_method(node: ast.AST) -> Iterator[ast.expr]:
    """Whose method is called here, or taken to be called later; `numpy.add.at` takes none."""
    for each in [] if isinstance(node, ast.Attribute) else ast.iter_child_nodes(node):
        match each:
            case ast.Attribute(attr=name, value=whole, ctx=ast.Load()) if name in CHANGES:
                yield whole


def _is_in_place(node: ast.AugAssign) -> bool:
    """Whether it may change a table: no number is added to one, nor a text."""
    return isinstance(node.op, ast.Mult if isinstance(node.value, ast.Constant) else IN_PLACE)


def _changes_first(called: ast.expr) -> bool:
    match called:
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in BUILTINS:
            return name in CHANGES | CHANGERS
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in CHANGERS
    return False


# --- how far something reaches -------------------------------------------------------------------


def reach(node: ast.expr, names: Names) -> Reach:
    match node:
        case ast.Name():
            return _reach_of_name(node, names)
        case ast.Attribute(attr="__class__") | ast.Call(func=ast.Name(id="type")):
            return Reach.OUT
        case ast.Attribute(value=whole):
            return Reach.OUT if reach(whole, names) is Reach.OUT else Reach.OWN
        case ast.Subscript(value=whole, slice=ast.Slice()):
            return copy(reach(whole, names))
        case ast.Subscript(value=whole):
            return part(reach(whole, names))
        case ast.NamedExpr(value=one) | ast.Starred(value=one):
            return reach(one, names)
        case ast.BoolOp(values=several):
            return furthest(several, names)
        case ast.IfExp(body=one, orelse=other):
            return furthest([one, other], names)
        case ast.Call():
            return _reach_of_call(node, names)
    return copy(furthest(_within(node), names))


def part(whole: Reach) -> Reach:
    return Reach.OUT if whole else Reach.OWN


def copy(whole: Reach) -> Reach:
    return min(whole, Reach.HOLDS)


def furthest(several: list[ast.expr], names: Names) -> Reach:
    return max((reach(each, names) for each in several), default=Reach.OWN)


def _reach_of_name(node: ast.Name, names: Names) -> Reach:
    if variable := names.variables.get(node):
        return names.reaches.get(variable, Reach.OWN)
    return Reach.OWN if node.id in BUILTINS else Reach.OUT


def _reach_of_call(call: ast.Call, names: Names) -> Reach:
    """Whatever it takes, it may give back in something of its own."""
    match call:
        case ast.Call(func=ast.Attribute(value=whole, attr=name), args=args) if name in PARTS:
            return max(part(reach(whole, names)), furthest(args[1:], names))
        case ast.Call(func=ast.Attribute(value=whole, attr=name)) if name in VIEWS:
            return copy(reach(whole, names))
        case ast.Call(func=ast.Name(id=name), args=[one, *others]) if name in PARTS_OF_FIRST:
            return max(part(reach(one, names)), furthest(others, names))
        case ast.Call(func=ast.Name(id=name)) if name in NUMBERS:
            return Reach.OWN
        case ast.Call(func=ast.Name(id="filter" | "map"), args=[_, *walked]):
            return copy(furthest(walked, names))
    named = [each.value for each in call.keywords if each.arg != "key"]  # which is a function
    return copy(furthest([*call.args, *named], names))


def _within(node: ast.expr) -> list[ast.expr]:
    """What something holds that is made there and then."""
    match node:
        case ast.List(elts=several) | ast.Tuple(elts=several) | ast.Set(elts=several):
            return several
        case ast.Dict(values=several):
            return several
        case ast.ListComp(elt=one) | ast.SetComp(elt=one) | ast.GeneratorExp(elt=one):
            return [one]
        case ast.DictComp(value=one):
            return [one]
        case ast.BinOp(left=one, right=other):
            return [one, other]
    return []


# --- names ---------------------------------------------------------------------------------------


def names_of(tree: ast.Module) -> Names:
    """The names of a file, each as far as anything reaches that it is given."""
    names = Names(variables_of(tree), {})
    names.reaches.update(dict.fromkeys(_there_before(tree, names.variables), Reach.OUT))
    given = [each for node in ast.walk(tree) for each in given_by(node)]
    while _follow(given, names):
        pass
    return names


def _there_before(tree: ast.Module, variables: dict[ast.AST, Variable]) -> Iterator[Variable]:
    """Names of the module but those of numbers and texts, and whatever is called `cls`."""
    constants = _constants(tree)
    for node, (scope, name) in variables.items():
        if name == "cls" or (scope is tree and node not in constants and any(binds(node))):
            yield scope, name


def _constants(tree: ast.Module) -> set[ast.AST]:
    """Where the module gives a name a number or a text."""
    places, names = set[ast.AST](), set[str]()
    for target, value in (each for node in tree.body for each in given_by(node)):
        if isinstance(target, ast.Name) and _is_constant(value, names):
            places.add(target)
            names.add(target.id)
    return places


def _is_constant(value: ast.expr, names: set[str]) -> bool:
    match value:
        case ast.Constant() | ast.JoinedStr():
            return True
        case ast.Name(id=name):
            return name in names
        case ast.UnaryOp(operand=one):
            return _is_constant(one, names)
        case ast.BinOp() | ast.Tuple():
            return all(_is_constant(each, names) for each in _within(value))
        case ast.Call(func=ast.Name(id=name)):
            return name in NUMBERS
    return False


def _follow(given: list[tuple[ast.AST, ast.expr]], names: Names) -> bool:
    """Whether a name reaches further than was known."""
    before = dict(names.reaches)
    for target, value in given:
        for node, far in _told(target, reach(value, names)):
            if variable := names.variables.get(node):
                names.reaches[variable] = max(far, names.reaches.get(variable, Reach.OWN))
    return names.reaches != before


def _told(target: ast.AST, far: Reach) -> Iterator[tuple[ast.AST, Reach]]:
    """What a target or a pattern binds, and how far each reaches: not the names that an element or
    an attribute of it is of."""
    match target:
        case ast.Name() | ast.arg() | ast.MatchAs():
            yield target, far
        case ast.MatchStar() | ast.MatchMapping():  # `*rest`, `**rest`
            yield target, copy(far)
    for each, its in _parts(target, far):
        yield from _told(each, its)


def _parts(target: ast.AST, far: Reach) -> Iterator[tuple[ast.AST, Reach]]:
    match target:
        case ast.Tuple(elts=several) | ast.List(elts=several):
            yield from ((each, part(far)) for each in several)
        case ast.MatchSequence(patterns=several) | ast.MatchMapping(patterns=several):
            yield from ((each, part(far)) for each in several)
        case ast.MatchClass(patterns=several, kwd_patterns=named):
            yield from ((each, part(far)) for each in (*several, *named))
        case ast.MatchAs(pattern=ast.pattern() as one):
            yield one, far
        case ast.Starred(value=one):
            yield one, copy(far)
        case ast.MatchOr(patterns=several):
            yield from ((each, far) for each in several)
