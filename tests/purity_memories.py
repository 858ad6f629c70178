"""What lasts from one run to the next: nothing in core and risk that can change.

True here: a list says what may be made outside of functions (`MAKES`, and classes of the file that
are frozen), not what may not. Tables in braces and brackets may stand there, for no function
writes to what it did not make: to anything that a name of the module or an import leads to, by
whatever way is followed (elements, attributes, names that a function gives them, loops over them).
"""

import ast
import builtins
from collections.abc import Iterator

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
CHANGES = {
    *("append", "appendleft", "extend", "extendleft", "insert", "pop", "popleft", "popitem"),
    *("remove", "discard", "add", "update", "setdefault", "clear", "sort", "reverse"),
    *("move_to_end", "rotate", "__setitem__", "__delitem__", "__setattr__"),
    *("__delattr__", "__ior__", "__iadd__", "__next__"),
}
# What changes the first thing that it is given.
CHANGERS = {
    *("setattr", "delattr", "next", "setitem", "delitem", "insort", "insort_left", "insort_right"),
    *("heappush", "heappop", "heapify", "heapreplace", "heappushpop"),
}
# What these give of a table is a part of it.
PARTS = {"get", "values", "items", "setdefault", "__getitem__"}
WRITTEN = "what the module keeps is remembered from one run to the next: nobody writes to it"
MADE = "may change, and lasts from one run to the next: it is not among what is fixed (`MAKES`)"
CACHED = "a cache is remembered from one run to the next: name it, with a reason (`CACHED`)"
REASONS = (WRITTEN, MADE, CACHED)


def judge_memories(tree: ast.Module, cached: frozenset[str]) -> Iterator[tuple[ast.AST, str]]:
    """Each place where something is remembered, and how."""
    fixed = MAKES | {name for node in ast.walk(tree) for name in _frozen(node)}
    for value, in_brackets in _lasting(tree, in_brackets=True):
        for node in _seen(value):
            if not _is_fixed(node, fixed) or (isinstance(node, IN_BRACKETS) and not in_brackets):
                yield node, f"{ast.unparse(node)[:40]} {MADE}"
    for function in _outermost(tree):
        yield from ((node, WRITTEN) for node in _written(function))
    yield from ((node, CACHED) for node in _caches(tree, cached))


# --- what is made outside of functions -----------------------------------------------------------


def _frozen(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.ClassDef(name=name, bases=bases, keywords=words):
            frozen = any(each.arg == "frozen" for each in words)
            if frozen or any(ast.unparse(base) == "NamedTuple" for base in bases):
                yield name


def _lasting(node: ast.AST, *, in_brackets: bool) -> Iterator[tuple[ast.expr, bool]]:
    """What the module, a class or a function's default keeps, and whether it may be in brackets:
    `self.table` of a class and a default's name do not show that they lead to what lasts."""
    for each in ast.iter_child_nodes(node):
        match each:
            case ast.FunctionDef(args=args):
                given = (*args.defaults, *args.kw_defaults)
                yield from ((default, False) for default in given if default is not None)
            case ast.ClassDef(bases=bases):
                copied = any(ast.unparse(base) in COPIED for base in bases)
                yield from _lasting(each, in_brackets=copied)
            case ast.Assign(value=ast.expr() as value) | ast.AnnAssign(value=ast.expr() as value):
                yield value, in_brackets
            case ast.AugAssign(value=value) | ast.NamedExpr(value=value):
                yield value, in_brackets
            case _:
                yield from _lasting(each, in_brackets=in_brackets)


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


# --- what functions write to ---------------------------------------------------------------------


def _outermost(node: ast.AST) -> Iterator[ast.FunctionDef | ast.Lambda]:
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.FunctionDef | ast.Lambda):
            yield each
        else:
            yield from _outermost(each)


def _written(function: ast.AST) -> Iterator[ast.AST]:
    """Where the function, and those within it, change what they did not make."""
    own = _own(function)
    for node in ast.walk(function):
        match node:
            case (
                ast.Attribute(ctx=ast.Store() | ast.Del())
                | ast.Subscript(ctx=ast.Store() | ast.Del())
            ):
                changed = leads_out(node, own)
            case ast.AugAssign(target=ast.Name() as target, value=value):
                changed = isinstance(value, IN_BRACKETS) and leads_out(target, own)
            case ast.Call():
                changed = _changes(node, own)
            case _:
                changed = False
        if changed:
            yield node


def _changes(call: ast.Call, own: set[str]) -> bool:
    """Whether it changes what it is asked of, or what it is given."""
    first = any(leads_out(each, own) for each in call.args[:1])
    match call.func:
        case ast.Name(id=name):
            return first and name in CHANGERS
        case ast.Attribute(attr=name, value=ast.Name(id=owner)) if owner in dir(builtins):
            return first and name in CHANGES
        case ast.Attribute(attr=name, value=owner):
            return (first and name in CHANGERS) or (name in CHANGES and leads_out(owner, own))
    return False


def leads_out(node: ast.expr, own: set[str]) -> bool:
    """Whether it is, or is a part of, what was there before the function was called."""
    match node:
        case ast.Name(id=name):
            return name not in own and name not in dir(builtins)
        case ast.Attribute(attr="__class__") | ast.Call(func=ast.Name(id="type")):
            return True
        case ast.Attribute(value=whole) | ast.Subscript(value=whole) | ast.Starred(value=whole):
            return leads_out(whole, own)
        case ast.Call(func=ast.Attribute(value=whole, attr=name)) if name in PARTS:
            return leads_out(whole, own)
        case ast.NamedExpr(value=one):
            return leads_out(one, own)
        case ast.BoolOp(values=several) | ast.Tuple(elts=several):
            return any(leads_out(each, own) for each in several)
        case ast.IfExp(body=one, orelse=other):
            return leads_out(one, own) or leads_out(other, own)
    return False


def _own(function: ast.AST) -> set[str]:
    """The names of the function but those by which it calls what is not its own."""
    own = {name for node in ast.walk(function) if node is not function for name in _bound(node)}
    own -= {"cls"}
    before = -1
    while (size := len(own)) != before:
        before = size
        for node in ast.walk(function):
            own -= set(_aliases(node, own))
    return own


def _bound(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
            yield name
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case (
            ast.MatchAs(name=str() as name)
            | ast.MatchStar(name=str() as name)
            | ast.MatchMapping(rest=str() as name)
            | ast.ExceptHandler(name=str() as name)
        ):
            yield name


def _aliases(node: ast.AST, own: set[str]) -> Iterator[str]:
    """Names that are given what is not the function's own."""
    match node:
        case ast.Assign(targets=targets, value=value):
            pass
        case (
            ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.NamedExpr(target=target, value=value)
            | ast.For(target=target, iter=value)
            | ast.comprehension(target=target, iter=value)
        ):
            targets = [target]
        case _:
            return
    if leads_out(value, own):
        named = [part for target in targets for part in _names(target)]
        yield from (part.id for part in named)


def _names(target: ast.expr) -> Iterator[ast.Name]:
    """What a target binds: not the names that an element or an attribute of it is of."""
    match target:
        case ast.Name():
            yield target
        case ast.Tuple(elts=several) | ast.List(elts=several):
            yield from (name for each in several for name in _names(each))
        case ast.Starred(value=one):
            yield from _names(one)


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
