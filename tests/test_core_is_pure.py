"""core and risk are exact and deterministic: a lint over their syntax, and proof that it bites.

What the imports could smuggle in is held by import-linter; this holds what needs no import.
Names are followed within one file only, so a set that comes from elsewhere is not seen.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Floats of numpy: bounds and near values that int64 corrects, and statistics that only report.
IN_FLOATS = {ROOT / "risk" / f"{name}.py" for name in ("engine_sums", "returns", "var")}
SOURCES = sorted(
    path
    for name in ("core", "risk")
    for path in (ROOT / name).rglob("*.py")
    if path not in IN_FLOATS
)

SETS = {"set", "frozenset", "Set", "AbstractSet", "MutableSet"}
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}
# These keep the order in which they are handed things; sorted, len, any and `in` do not.
ORDERED = {"list", "tuple", "iter", "enumerate", "map", "filter", "zip", "reversed", "next"}


def violations(source: str) -> list[str]:
    """What is impure in the source, one `line: reason` each."""
    tree = ast.parse(source)
    sets = set(names_of_sets(tree))
    return [f"{line(node)}: {reason}" for node in ast.walk(tree) for reason in judge(node, sets)]


def line(node: ast.AST) -> int:
    """Where the node begins; a `for` within a comprehension begins where its target does."""
    place = node.target if isinstance(node, ast.comprehension) else node
    return getattr(place, "lineno", 0)


def judge(node: ast.AST, sets: set[str]) -> Iterator[str]:
    match node:
        case ast.Constant(value=float() | complex()):
            yield "a float literal: amounts are whole units"
        case ast.arg(annotation=ast.expr() as said) | ast.AnnAssign(annotation=said):
            yield from judge_annotation(said)
        case ast.FunctionDef(returns=ast.expr() as said):
            yield from judge_annotation(said)
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            yield "true division makes floats: say // and which way it rounds"
        case ast.Call(func=ast.Name(id="hash" | "id" as name)):
            yield f"{name}() differs from run to run"
        case ast.Call(func=ast.Name(id="float")):
            yield "float(): amounts are whole units"
        case ast.Call(func=ast.Attribute(attr="pop", value=owner), args=[]) if is_set(owner, sets):
            yield "pop() takes whichever member the hash puts first"
    if any(is_set(walked, sets) for walked in iterated(node)):
        yield "the order of a set differs from run to run: sort it, or use a dict"


def judge_annotation(said: ast.expr) -> Iterator[str]:
    if any(isinstance(part, ast.Name) and part.id == "float" for part in parts(said)):
        yield "a float annotation: amounts are whole units"


def parts(said: ast.AST) -> Iterator[ast.AST]:
    """The nodes of an annotation, those that are written in quotes included; what a Literal quotes
    are words."""
    yield said
    if isinstance(said, ast.Constant) and isinstance(said.value, str):
        yield from ast.walk(ast.parse(said.value, mode="eval"))
    if isinstance(said, ast.Subscript) and ast.unparse(said.value) == "Literal":
        return
    for node in ast.iter_child_nodes(said):
        yield from parts(node)


def iterated(node: ast.AST) -> list[ast.expr]:
    """What the node walks in order."""
    match node:
        case ast.For(iter=walked) | ast.comprehension(iter=walked):
            return [walked]
        case ast.Call(func=ast.Name(id=name), args=args) if name in ORDERED:
            return args
        case ast.Call(func=ast.Attribute(attr="join" | "extend" | "fromkeys"), args=args):
            return args
        case ast.Starred(value=walked) | ast.YieldFrom(value=walked):
            return [walked]
        case ast.Assign(targets=[ast.Tuple() | ast.List()], value=walked):
            return [walked]
    return []


def is_set(node: ast.expr, sets: set[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in SETS
        case ast.Call(func=ast.Attribute(attr=name, value=owner)):
            return name in SET_METHODS or (name == "copy" and is_set(owner, sets))
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor()):
            return is_set(left, sets)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in sets
    return False


def names_of_sets(tree: ast.AST) -> Iterator[str]:
    """Names and attributes that the file annotates as sets, or first gives a set."""
    for node in ast.walk(tree):
        match node:
            case ast.arg(arg=name, annotation=ast.expr() as said) if says_set(said):
                yield name
            case ast.AnnAssign(
                target=ast.Name(id=name) | ast.Attribute(attr=name), annotation=said
            ) if says_set(said):
                yield name
            case ast.Assign(
                targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=value
            ) if is_set(value, set()):
                yield name


def says_set(said: ast.expr) -> bool:
    outer = said.value if isinstance(said, ast.Subscript) else said
    return isinstance(outer, ast.Name) and outer.id in SETS


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_and_risk_are_pure(path: Path) -> None:
    """No float, no true division, no hash order in what decides."""
    assert violations(path.read_text()) == []


PLANTED = [
    "for a in {1, 2}: pass",
    "for a in set(b): pass",
    "for a in frozenset(b) | c: pass",
    "[a for a in {b for b in c}]",
    "a = list({1, 2})",
    "a = [*set(b)]",
    "a, b = {1, 2}",
    "a = ','.join(set(b))",
    "a = dict.fromkeys({1, 2})",
    "open_ids = set()\nfor a in open_ids: pass",
    "def f(ids: frozenset[int]):\n    return tuple(ids)",
    "class A:\n    ids: set[str]\ndef f(a):\n    return [b for b in a.ids]",
    "for a in b.union(c): pass",
    "ids = {1, 2}\na = ids.pop()",
    "a = hash(b)",
    "a = id(b)",
    "a = 0.5",
    "a = 1e9",
    "a = 2j",
    "def f(a: float): pass",
    "def f(a: 'float | None'): pass",
    "def f() -> list[float]: pass",
    "def f(a: 'list[float]', b: Literal['']): pass",
    "a: dict[Literal['', 'b'], float]",
    "a: float",
    "a = float(b)",
    "a = b / c",
    "a /= 2",
]


@pytest.mark.parametrize("source", PLANTED)
def test_the_lint_bites(source: str) -> None:
    """Each planted violation is caught."""
    assert violations(source)


INNOCENT = [
    "a: Literal['', 'float', 'not an expression']",
    "for a in sorted({3, 1}): pass",
    "a = b in {1, 2}",
    "a = len(set(b))",
    "ids = dict.fromkeys(b)\nfor a in ids: pass",
    "a = 10**9 // 2",
    "a = [1]\nb = a.pop()",
    "def f(a: int) -> int: return a % 7",
    "def f(a): return not isinstance(a, float)",
    "a = b.id",
]


@pytest.mark.parametrize("source", INNOCENT)
def test_the_lint_leaves_the_innocent_alone(source: str) -> None:
    """Order-free uses of sets, whole-number arithmetic and refusing a float are all pure."""
    assert violations(source) == []


def test_the_lint_does_not_follow_names_across_files() -> None:
    """A limitation: a set that another file made looks like any other name."""
    assert violations("from core.a import ids\nfor a in ids: pass") == []
