"""A lint over syntax: what in a source of core or risk is inexact, or differs from run to run.

True here: what a file may import is a list (`KNOWN`), not what it may not. Names are followed
within a file, so what would carry a set out of it is refused: an attribute, a public function.
Where sets may stand is `tests/purity_sets.py`; what lasts between runs, `tests/purity_memories.py`,
and who writes to it, `tests/purity_writes.py`.
What syntax does not show (a clock by way of a library, a module that is looked up) is refused
while a simulation runs: `sim/seal.py`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.purity_memories import judge_memories
from tests.purity_sets import judge_sets

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
    """What a file may import, whether it may have floats, and which of its functions a cache."""

    known: frozenset[str] = KNOWN
    floats: bool = False
    cached: frozenset[str] = frozenset()


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
# Functions of what never changes, and of nothing else: whoever asks first changes no answer.
CACHED = {
    "core/reading.py": {
        "_is_sound": "of a class and of classes",
        "_types": "of a class",
    },
    "core/node.py": {"_make": "of the code: it takes nothing"},
    "risk/lines.py": {"line_of": "of a text; what it gives is a NamedTuple of texts"},
}

DICTS = {"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict", "Counter"}
UNKNOWN_KEYS = {"object", "Any", "type", "Callable"}
# Wherever they are named, not only where they are called: `key=id` calls it, too.
BUILTINS = {
    "hash": "hash() differs from run to run",
    "id": "id() differs from run to run",
    **dict.fromkeys(
        ("__import__", "compile", "eval", "exec", "breakpoint", "globals", "locals", "vars", "dir"),
        "looks up what no reader sees",
    ),
    **dict.fromkeys(("open", "input", "print"), "reads or writes"),
    "pow": "of some it makes floats: say **",
    **dict.fromkeys(("__builtins__", "__loader__", "__spec__"), "reaches around the front door"),
}
AROUND = {"__hash__", "__subclasses__", "__builtins__", "__globals__", "modules", "sys", "_sys"}
DECIMAL_CONTEXTS = {"getcontext", "localcontext", "setcontext", "DefaultContext"}
UNSTABLE = {"argsort", "argpartition"}
# Decoded as one of these, a number in it is what the bytes say.
OPEN_TYPES = {"dict", "list", "tuple", "object", "Any", "Mapping", "Sequence"}
DIVISIONS = {"__truediv__", "__rtruediv__", "__itruediv__", "__float__", "from_float"}
# Texts that are made by way of a float, unless it is a Decimal that is asked: `:f` of one is exact.
BY_PERCENT = re.compile(r"(^|[^%])(%%)*%[-+ #0-9.*]*[eEfFgG]")
BY_FORMAT = re.compile(r"\.\d+[fF%]$|[eEgG]$")
FLOAT_ARRAYS = {"d", "f"}


def rules_of(path: Path) -> Rules:
    """The rules for a file of the house."""
    name = path.relative_to(ROOT).as_posix()
    return RULES.get(name, STRICT)._replace(cached=frozenset(CACHED.get(name, {})))


def violations(
    source: str, rules: Rules = STRICT, classes: frozenset[str] = frozenset()
) -> list[str]:
    """What is impure in the source, one `line: reason` each; `classes` are those of other files,
    each with its module."""
    tree = ast.parse(source)
    objects = set(names_of_classes(tree, classes))
    questions = {part for node in ast.walk(tree) if is_a_question(node) for part in ast.walk(node)}
    found = [f"{line(node)}: {reason}" for node, reason in judge_sets(tree)]
    found += [f"{line(node)}: {reason}" for node, reason in judge_memories(tree, rules.cached)]
    for node in ast.walk(tree):
        reasons = [*judge(node), *judge_names(node), *judge_keys(node, objects)]
        reasons += judge_imports(node, rules.known)
        reasons += [] if rules.floats or node in questions else judge_floats(node)
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


def judge(node: ast.AST) -> Iterator[str]:
    """What may come in another order, or at another time, in another run."""
    match node:
        case ast.FunctionDef(name="__del__" | "__hash__" as name):
            yield f"{name} is called when the interpreter likes, or says what it likes"
        case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
            yield "step has no tasks"
        case ast.Global():
            yield "a global is remembered from one run to the next"
        case ast.Call(func=ast.Attribute(attr=name), keywords=words) if name in UNSTABLE:
            if ("kind", "stable") not in ((word.arg, constant(word.value)) for word in words):
                yield f'{name}() puts equals in an order of its own: say kind="stable"'


def constant(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


# --- names and keys ------------------------------------------------------------------------------


def judge_names(node: ast.AST) -> Iterator[str]:
    """What reaches around the front door, by its name."""
    match node:
        case ast.Name(id=name, ctx=ast.Load()) if name in BUILTINS:
            yield f"{name}: {BUILTINS[name]}"
        case ast.Attribute(attr=name) if name in AROUND:
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
    unfit, keys = classes | UNKNOWN_KEYS, list[ast.expr | None]()
    match node:
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Tuple(elts=[key, *_])) if (
            name in DICTS
        ):
            keys, found = [], any(name_of(part) in unfit for part in parts(key))
        case ast.Dict(keys=keys):
            found = False
        case ast.Subscript(slice=key):
            keys, found = [key], False
        case ast.Assign(value=value):
            found = name_of(value) in UNKNOWN_KEYS
        case (
            ast.arg(annotation=ast.Constant() as said)
            | ast.AnnAssign(annotation=ast.Constant() as said)
        ):
            inner = [part for part in parts(said) if part is not said]
            found = any(reason for part in inner for reason in judge_keys(part, classes))
        case _:
            return
    if found or any(isinstance(each, ast.Call) and name_of(each.func) in classes for each in keys):
        yield "keys are texts, numbers and tuples of them, never objects"


def name_of(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


# --- floats --------------------------------------------------------------------------------------


def judge_floats(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=float() | complex()):
            yield "a float literal: amounts are whole units"
        case ast.Name(id="float" | "complex"):
            yield "float: amounts are whole units"
        case (
            ast.arg(annotation=ast.Constant() as said)
            | ast.AnnAssign(annotation=ast.Constant() as said)
        ):
            yield from judge_annotation(said)
        case ast.FunctionDef(returns=ast.Constant() as said):
            yield from judge_annotation(said)
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            yield "true division makes floats: say // and which way it rounds"
        case ast.Attribute(attr=name) if name in DIVISIONS:
            yield f"{name} makes floats: amounts are whole units"
        case ast.Call() if is_of_any_type(node):
            yield "decoded without a type, a number may be a float"
        case ast.BinOp(op=ast.Pow(), right=ast.UnaryOp(op=ast.USub())):
            yield "a negative power is a float: say // and which way it rounds"
        case ast.BinOp(left=ast.Constant(value=str() as text), op=ast.Mod()):
            yield from (AS_A_FLOAT for _ in BY_PERCENT.finditer(text))
        case ast.FormattedValue(format_spec=ast.JoinedStr(values=[*_, ast.Constant(value=spec)])):
            yield from (AS_A_FLOAT for _ in BY_FORMAT.finditer(str(spec)))
        case ast.Call(func=ast.Name(id="format"), args=[_, ast.Constant(value=str() as spec)]):
            yield from (AS_A_FLOAT for _ in BY_FORMAT.finditer(spec))
        case ast.Call(
            func=ast.Name(id="array") | ast.Attribute(attr="array"),
            args=[ast.Constant(value=of), *_],
        ) if of in FLOAT_ARRAYS:
            yield "an array of floats: amounts are whole units"


def is_of_any_type(call: ast.Call) -> bool:
    """Whether it reads JSON into whatever it finds; a hook for floats makes them exact."""
    words = {each.arg: each.value for each in call.keywords}
    match call.func:
        case ast.Attribute(value=ast.Attribute(attr="json"), attr="decode") | ast.Name(id="decode"):
            said = words.get("type")
        case ast.Attribute(attr="Decoder") | ast.Name(id="Decoder"):
            said = next(iter(call.args), words.get("type"))
        case _:
            return False
    return "float_hook" not in words and (said is None or is_open(said))


def is_open(said: ast.expr) -> bool:
    """Whether the type leaves it to the bytes what some part of it is."""
    whole = {node.value for node in ast.walk(said) if isinstance(node, ast.Subscript)}
    return any(name_of(part) in OPEN_TYPES for part in parts(said) if part not in whole)


AS_A_FLOAT = "said as a float, which rounds: amounts are whole units"


def is_a_question(node: ast.AST) -> bool:
    """Refusing a float is pure."""
    return isinstance(node, ast.Call) and name_of(node.func) in ("isinstance", "issubclass")


def judge_annotation(said: ast.expr) -> Iterator[str]:
    if any(name_of(part) == "float" for part in parts(said)):
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
