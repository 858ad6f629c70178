"""What lasts from one run to the next: nothing in core and risk that can change.

True here: a list says what may be made outside of functions (`MAKES`, and classes of the file that
are frozen), not what may not. Tables in braces and brackets may stand there, for no function
writes to what it did not make: `tests/purity_writes.py`.
"""

import ast
from collections.abc import Iterator

from tests.purity_writes import names_of, written

# What makes something that nobody changes, or what msgspec and pydantic read as they make a class.
MAKES = {
    *("int", "float", "Decimal", "range", "slice", "tuple", "frozenset", "dict.fromkeys"),
    *("MappingProxyType", "TypeVar", "re.compile", "Context"),
    *("msgspec.json.Encoder", "msgspec.json.Decoder"),
    *("field", "Field", "ConfigDict", "BeforeValidator", "AfterValidator"),
}
# Of these each object has its own default: msgspec and pydantic copy it.
COPIED = {"Struct", "Fact", "Wish", "BaseModel", "Part"}
IN_BRACKETS = ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp
CACHES = {"cache", "lru_cache", "cached_property"}
WRITTEN = "what the module keeps is remembered from one run to the next: nobody writes to it"
MADE = "may change, and lasts from one run to the next: it is not among what is fixed (`MAKES`)"
CACHED = "a cache is remembered from one run to the next: name it, with a reason (`CACHED`)"
REASONS = (WRITTEN, MADE, CACHED)


def judge_memories(tree: ast.Module, cached: frozenset[str]) -> Iterator[tuple[ast.AST, str]]:
    """Each place where something is remembered, and how."""
    fixed = MAKES | {name for node in ast.walk(tree) for name in _frozen(node)}
    defaults = ((default, False) for default in _defaults(tree))
    for value, in_brackets in (*_lasting(tree, in_brackets=True), *defaults):
        for node in _seen(value):
            if not _is_fixed(node, fixed) or (isinstance(node, IN_BRACKETS) and not in_brackets):
                yield node, f"{ast.unparse(node)[:40]} {MADE}"
    names = names_of(tree)
    for function in _outermost(tree):
        yield from ((node, WRITTEN) for node in written(function, names))
    yield from ((node, CACHED) for node in _caches(tree, cached))


# --- what is made outside of functions -----------------------------------------------------------


def _frozen(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.ClassDef(name=name, bases=bases, keywords=words):
            frozen = any(each.arg == "frozen" for each in words)
            if frozen or any(ast.unparse(base) == "NamedTuple" for base in bases):
                yield name


def _lasting(node: ast.AST, *, in_brackets: bool) -> Iterator[tuple[ast.expr, bool]]:
    """What the module or a class keeps, and whether it may be in brackets: `self.table` of a class
    does not show that it leads to what lasts."""
    for each in ast.iter_child_nodes(node):
        match each:
            case ast.FunctionDef() | ast.Lambda():
                continue
            case ast.ClassDef(bases=bases):
                copied = any(ast.unparse(base) in COPIED for base in bases)
                yield from _lasting(each, in_brackets=copied)
            case ast.Assign(value=ast.expr() as value) | ast.AnnAssign(value=ast.expr() as value):
                yield value, in_brackets
            case ast.AugAssign(value=value) | ast.NamedExpr(value=value):
                yield value, in_brackets
            case _:
                yield from _lasting(each, in_brackets=in_brackets)


def _defaults(node: ast.AST) -> Iterator[ast.expr]:
    """What functions keep from the start, and may not be in brackets: no more does its name."""
    for function in _outermost(node):
        args = function.args
        yield from (each for each in (*args.defaults, *args.kw_defaults) if each)
        yield from _defaults(args)


def _seen(value: ast.AST) -> Iterator[ast.AST]:
    """What is made there and then: not what a lambda says; nor what a call walks at once."""
    yield value
    if isinstance(value, ast.Lambda):
        return
    for each in ast.iter_child_nodes(value):
        if isinstance(value, ast.Call) and isinstance(each, ast.GeneratorExp):
            yield from (node for part in ast.iter_child_nodes(each) for node in _seen(part))
        else:
            yield from _seen(each)


def _is_fixed(node: ast.AST, fixed: set[str]) -> bool:
    match node:
        case ast.GeneratorExp():
            return False
        case ast.Call(func=ast.Attribute(value=ast.Constant())):  # of a text
            return True
        case ast.Call(func=ast.Subscript(value=called)) | ast.Call(func=called):
            return ast.unparse(called) in fixed
    return True


def _outermost(node: ast.AST) -> Iterator[ast.FunctionDef | ast.Lambda]:
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.FunctionDef | ast.Lambda):
            yield each
        else:
            yield from _outermost(each)


# --- caches --------------------------------------------------------------------------------------


def _caches(tree: ast.Module, cached: frozenset[str]) -> Iterator[ast.AST]:
    """Wherever one is named, but above the functions that may have one."""
    names = {each for node in ast.walk(tree) for each in _imported(node)}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    named = [node for node in functions if node.name in cached]
    allowed = {part for each in named for above in each.decorator_list for part in ast.walk(above)}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) if name in names and node not in allowed:
                yield node
            case ast.Attribute(attr=name) if name in CACHES and node not in allowed:
                yield node


def _imported(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.ImportFrom(module="functools", names=names):
            yield from (each.asname or each.name for each in names if each.name in CACHES)
