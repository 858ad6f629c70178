"""A lint over syntax: what in a source of core or risk is inexact, or differs from run to run.

True here: what a file may import is a list (`KNOWN`), not what it may not. Names are followed
within a file, so what would carry a set out of it is refused: an attribute, a public function.
What syntax does not show (a clock by way of a library, a module that is looked up) is refused
while a simulation runs: `sim/seal.py`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent

# What neither tells the time, nor rolls dice, nor reads or writes anything.
KNOWN = frozenset(
    (
        *("__future__", "array", "bisect", "collections", "decimal", "functools", "google_crc32c"),
        *("hashlib", "heapq", "itertools", "msgspec", "re", "types", "typing", "unicodedata"),
        *("core", "risk"),
    )
)
NUMBERS = frozenset(("numpy",))
FILES = frozenset(("errno", "os", "pathlib", "pydantic", "stat", "yaml"))


class Rules(NamedTuple):
    """What a file may import, and whether it may have floats."""

    known: frozenset[str] = KNOWN
    floats: bool = False


STRICT = Rules()
# Floats of numpy: bounds and near values that int64 corrects, and statistics that only report. And
# files of limits are files. None of them is in the gate.
RULES = {
    **{
        f"risk/{name}.py": Rules(KNOWN | NUMBERS, True)
        for name in ("engine_sums", "returns", "var")
    },
    **{
        f"risk/{name}.py": Rules(KNOWN | FILES)
        for name in ("limit_files", "limit_tests", "written")
    },
}

SETS = {"set", "frozenset", "Set", "AbstractSet", "MutableSet"}
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}
# These keep the order in which they are handed things; sorted, len, any and `in` do not.
ORDERED = {"list", "tuple", "iter", "enumerate", "map", "filter", "zip", "reversed", "next"}
DICTS = {"dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict", "Counter"}
UNKNOWN_KEYS = {"object", "Any", "type"}
# Wherever they are named, not only where they are called: `key=id` calls it, too.
BUILTINS = {
    "hash": "hash() differs from run to run",
    "id": "id() differs from run to run",
    **dict.fromkeys(
        ("__import__", "compile", "eval", "exec", "breakpoint", "globals", "locals", "vars", "dir"),
        "looks up what no reader sees",
    ),
    **dict.fromkeys(("open", "input", "print"), "reads or writes"),
}
DECIMAL_CONTEXTS = {"getcontext", "localcontext", "setcontext", "DefaultContext"}
UNSTABLE = {"argsort", "argpartition"}


def rules_of(path: Path) -> Rules:
    """The rules for a file of the house."""
    return RULES.get(path.relative_to(ROOT).as_posix(), STRICT)


def violations(
    source: str, rules: Rules = STRICT, classes: frozenset[str] = frozenset()
) -> list[str]:
    """What is impure in the source, one `line: reason` each; `classes` are those of other files,
    each with its module."""
    tree = ast.parse(source)
    sets, objects = set(names_of_sets(tree)), set(names_of_classes(tree, classes))
    found = []
    for node in ast.walk(tree):
        reasons = [*judge(node, sets), *judge_names(node), *judge_keys(node, objects)]
        reasons += judge_imports(node, rules.known)
        reasons += [] if rules.floats else judge_floats(node)
        found += [f"{line(node)}: {reason}" for reason in reasons]
    return found


def classes_in(path: Path) -> list[str]:
    """The classes of objects that a file of the house defines, each with its module."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    nodes = ast.walk(ast.parse(path.read_text()))
    return [f"{module}.{n.name}" for n in nodes if isinstance(n, ast.ClassDef) and is_of_objects(n)]


def is_of_objects(node: ast.ClassDef) -> bool:
    """A NamedTuple is what it holds, wherever it lies."""
    return not any(isinstance(base, ast.Name) and base.id == "NamedTuple" for base in node.bases)


def line(node: ast.AST) -> int:
    """Where the node begins; a `for` within a comprehension begins where its target does."""
    place = node.target if isinstance(node, ast.comprehension) else node
    return getattr(place, "lineno", 0)


# --- order ---------------------------------------------------------------------------------------


def judge(node: ast.AST, sets: set[str]) -> Iterator[str]:
    """What may come in another order, or at another time, in another run."""
    match node:
        case ast.Call(func=ast.Attribute(attr="pop", value=owner), args=[]) if is_set(owner, sets):
            yield "pop() takes whichever member the hash puts first"
        case ast.FunctionDef(name="__del__" | "__hash__" as name):
            yield f"{name} is called when the interpreter likes, or says what it likes"
        case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
            yield "step has no tasks"
        case ast.Global():
            yield "a global is remembered from one run to the next"
        case ast.ClassDef(body=body):
            yield from (SETS_LEAVE for each in body if is_field_of_set(each))
        case ast.FunctionDef(name=name, returns=ast.expr() as said) if says_set(said):
            yield from () if name.startswith("_") else (SETS_LEAVE,)
        case ast.Call(func=ast.Attribute(attr=name), keywords=words) if name in UNSTABLE:
            if ("kind", "stable") not in ((word.arg, constant(word.value)) for word in words):
                yield f'{name}() puts equals in an order of its own: say kind="stable"'
    if any(is_set(walked, sets) for walked in iterated(node)):
        yield "the order of a set differs from run to run: sort it, or use a dict"


SETS_LEAVE = "a set that leaves the file may be walked elsewhere: use a dict"


def constant(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


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
        case ast.Call(func=ast.Name(id=name)) if name in SETS or name in sets:
            return True
        case ast.Call(func=ast.Subscript(value=ast.Name(id=name))):
            return name in SETS
        case ast.Call(func=ast.Attribute(attr=name, value=owner)):
            return name in SET_METHODS or (name == "copy" and is_set(owner, sets))
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor()):
            return is_set(left, sets)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in sets
    return False


def names_of_sets(tree: ast.AST) -> Iterator[str]:
    """Names and attributes that the file annotates as sets, or first gives a set, and functions
    that return one."""
    for node in ast.walk(tree):
        match node:
            case ast.arg(arg=name, annotation=ast.expr() as said) if says_set(said):
                yield name
            case ast.FunctionDef(name=name, returns=ast.expr() as said) if says_set(said):
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


def is_field_of_set(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and says_set(node.annotation)


# --- names and keys ------------------------------------------------------------------------------


def judge_names(node: ast.AST) -> Iterator[str]:
    """What reaches around the front door, by its name."""
    match node:
        case ast.Name(id=name, ctx=ast.Load()) if name in BUILTINS:
            yield f"{name}: {BUILTINS[name]}"
        case ast.Attribute(attr="__hash__" | "__subclasses__" | "__builtins__" as name):
            yield f"{name} differs from run to run, or reaches around the front door"
        case ast.Call(func=ast.Name(id="object"), args=[]):
            yield "object() is known by its address"
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in DECIMAL_CONTEXTS:
            yield f"{name}: another thread has another one; say which Context"
        case ast.Attribute(value=ast.Name(id="np" | "numpy"), attr="random"):
            yield "dice come in by the front door"


def judge_imports(node: ast.AST, known: frozenset[str]) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            told = [each.name for each in names]
        case ast.ImportFrom(module=str() as module, level=0):
            told = [module]
        case _:
            return
    for name in told:
        if name.partition(".")[0] not in known:
            yield f"{name} is not among what core may know (`KNOWN`)"


def names_of_classes(tree: ast.AST, classes: frozenset[str]) -> Iterator[str]:
    """The classes that the file defines or imports, by the names that it has for them."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) if is_of_objects(node):
                yield name
            case ast.ImportFrom(module=module, names=names):
                yield from (e.asname or e.name for e in names if f"{module}.{e.name}" in classes)


def judge_keys(node: ast.AST, classes: set[str]) -> Iterator[str]:
    """Objects as keys: what is equal, and so what is found, may depend on addresses."""
    match node:
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Tuple(elts=[key, *_])) if (
            name in DICTS
        ):
            names = [part.id for part in parts(key) if isinstance(part, ast.Name)]
            if any(each in classes or each in UNKNOWN_KEYS for each in names):
                yield "keys are texts, numbers and tuples of them, never objects"


# --- floats --------------------------------------------------------------------------------------


def judge_floats(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=float() | complex()):
            yield "a float literal: amounts are whole units"
        case ast.arg(annotation=ast.expr() as said) | ast.AnnAssign(annotation=said):
            yield from judge_annotation(said)
        case ast.FunctionDef(returns=ast.expr() as said):
            yield from judge_annotation(said)
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            yield "true division makes floats: say // and which way it rounds"
        case ast.Call(func=ast.Name(id="float" | "complex")):
            yield "float(): amounts are whole units"
        case ast.Call(args=args, keywords=words) if not is_a_question(node):
            if any(is_float(each) for each in (*args, *(word.value for word in words))):
                yield "float, handed on: amounts are whole units"


def is_a_question(node: ast.Call) -> bool:
    """Refusing a float is pure."""
    return isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "issubclass")


def is_float(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "float"


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
