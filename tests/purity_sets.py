"""Where a set may stand in core and risk: it is asked, combined, and sorted, never walked.

True here: the list says where a set may stand (`allows`), not where it may not, so whatever takes
one in a way that nobody thought of is refused. Names are followed within a function, and those of
the module, of its functions and of attributes within the file.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator

SETS = {"set", "frozenset", "Set", "AbstractSet", "MutableSet"}
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}
VIEWS = {"keys", "items"}
COMBINED = ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor
# What these say of a set is no matter of its order.
QUESTIONS = {"sorted", "min", "max", "len", "any", "all", "bool", "isinstance", *SETS}
OF_A_SET = {
    *("add", "discard", "remove", "clear", "copy", "update", "difference_update"),
    *("intersection_update", "symmetric_difference_update"),
    *("issubset", "issuperset", "isdisjoint", *SET_METHODS),
}
WALKED = "the order of a set differs from run to run: sort it, or use a dict"
LEAVES = "a set that leaves the file may be walked elsewhere: use a dict"
RENAMED = "a set by another name is walked unseen: make sets by their own"


def judge_sets(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Each place where a set stands that may not, and why."""
    above = dict[ast.AST, ast.AST]()
    for parent in ast.walk(tree):
        above |= dict.fromkeys(ast.iter_child_nodes(parent), parent)
    known = names_of_sets(tree, above)
    for node in ast.walk(tree):
        sets = known[None] | known[_function(node, above)]
        if isinstance(node, ast.expr) and is_set(node, sets) and not stands(node, above, sets):
            yield node, WALKED
        yield from ((node, reason) for reason in _leaves(node, tree, sets))
        if isinstance(node, ast.Name) and node.id in SETS and _is_handed_on(node, above[node]):
            yield node, RENAMED


def stands(node: ast.expr, above: dict[ast.AST, ast.AST], sets: set[str]) -> bool:
    """Whether it may stand there: it is written to, or what is around it does not walk it."""
    if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
        return True
    parent = above[node]
    if isinstance(parent, ast.Return):
        return _says_so(parent, above)
    return allows(parent, node, sets)


def allows(parent: ast.AST, node: ast.expr, sets: set[str]) -> bool:
    """Whether what is around a set takes no notice of its order."""
    match parent:
        case ast.Compare() | ast.Expr() | ast.UnaryOp(op=ast.Not()) | ast.Assert():
            return True
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if test is node:
            return True
        case ast.Call(func=called) if called is node:  # the name of a function that gives one
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in QUESTIONS and not parent.keywords
        case ast.Call(func=ast.Attribute(value=owner, attr=name)):
            return is_set(owner, sets) and name in OF_A_SET
        case ast.comprehension(ifs=asked):
            return node in asked
        case ast.Attribute(attr=name):
            return name in OF_A_SET
        case ast.Assign(targets=[ast.Name() | ast.Attribute()]) | ast.AnnAssign():
            return True
        case ast.AugAssign(op=op):
            return isinstance(op, COMBINED)
    return isinstance(parent, ast.expr) and is_set(parent, sets)


def is_set(node: ast.expr, sets: set[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in SETS or name in sets
        case ast.Call(func=ast.Subscript(value=ast.Name(id=name))):
            return name in SETS
        case ast.Call(func=ast.Attribute(attr=name, value=owner)):
            return name in SET_METHODS or (name == "copy" and is_set(owner, sets))
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, COMBINED):
            return any(is_set(side, sets) or _is_view(side) for side in (left, right))
        case ast.IfExp(body=left, orelse=right):
            return is_set(left, sets) or is_set(right, sets)
        case ast.BoolOp(values=values):
            return any(is_set(each, sets) for each in values)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in sets
    return False


def _is_view(node: ast.expr) -> bool:
    """What views of a dictionary make when they are combined is a set."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in VIEWS
    )


def names_of_sets(tree: ast.AST, above: dict[ast.AST, ast.AST]) -> dict[ast.AST | None, set[str]]:
    """What the file annotates as sets, or gives a set, and functions that return one: for each
    function its own names, and for None those that the whole file knows."""
    found, before = defaultdict[ast.AST | None, set[str]](set), -1
    while (size := sum(map(len, found.values()))) > before:
        before = size
        for node in ast.walk(tree):
            scope = _function(node, above)
            for target, name in _named(node, found[None] | found[scope]):
                found[scope if isinstance(target, ast.Name | ast.arg) else None].add(name)
    return found


def _function(node: ast.AST, above: dict[ast.AST, ast.AST]) -> ast.AST | None:
    """The outermost function around it; None outside of any."""
    around = None
    while not isinstance(node, ast.Module):
        node = above[node]
        around = node if isinstance(node, ast.FunctionDef | ast.Lambda) else around
    return around


def _named(node: ast.AST, sets: set[str]) -> Iterator[tuple[ast.AST, str]]:
    match node:
        case ast.arg(arg=name, annotation=ast.expr() as said) if says_set(said):
            yield node, name
        case ast.FunctionDef(name=name, returns=ast.expr() as said) if says_set(said):
            yield node, name
        case ast.AnnAssign(
            target=ast.Name(id=name) | ast.Attribute(attr=name) as target, annotation=said
        ) if says_set(said):
            yield target, name
        case ast.Assign(
            targets=[ast.Name(id=name) | ast.Attribute(attr=name) as target], value=value
        ) if is_set(value, sets):
            yield target, name


def says_set(said: ast.expr) -> bool:
    match said:
        case ast.Constant(value=str() as text):
            return says_set(ast.parse(text, mode="eval").body)
        case ast.Subscript(value=outer):
            return says_set(outer)
        case ast.BinOp(left=left, right=right):
            return says_set(left) or says_set(right)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in SETS
    return False


# --- what leaves ---------------------------------------------------------------------------------


def _leaves(node: ast.AST, tree: ast.Module, sets: set[str]) -> Iterator[str]:
    """A field, a public function or a public name of the file that is a set."""
    match node:
        case ast.ClassDef(body=body):
            yield from (LEAVES for each in body if _is_field_of_set(each))
        case ast.FunctionDef(name=name, returns=ast.expr() as said) if says_set(said):
            yield from () if name.startswith("_") else (LEAVES,)
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            if node in tree.body and name in sets and not name.startswith("_"):
                yield LEAVES
        case ast.ImportFrom(names=names):
            yield from (RENAMED for each in names if each.name in SETS and each.asname)


def _is_field_of_set(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and says_set(node.annotation)


def _says_so(node: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    """Whether the function around it says that it returns a set."""
    while not isinstance(node, ast.FunctionDef | ast.Lambda | ast.Module):
        node = above[node]
    return isinstance(node, ast.FunctionDef) and node.returns is not None and says_set(node.returns)


def _is_handed_on(node: ast.Name, parent: ast.AST) -> bool:
    """Whether `set` itself is given to somebody, and not called or said of something."""
    match parent:
        case ast.Call(func=called):
            question = isinstance(called, ast.Name) and called.id in ("isinstance", "issubclass")
            return called is not node and not question
        case ast.Assign() | ast.keyword() | ast.arguments() | ast.NamedExpr() | ast.Starred():
            return True
    return False
