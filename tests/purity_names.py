"""The names of a file: which of them are one, and what each is given.

True here: a name is bound where Python binds it, and seen from within. A comprehension, a lambda
and a function within another bind for themselves alone, so one name may be several variables. What
the file does not bind is none: a builtin, or an import.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator

# The scope that binds a name, and the name.
Variable = tuple[ast.AST, str]
Scopes = tuple[ast.AST, ...]

COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
SCOPES = ast.Module | ast.ClassDef | ast.FunctionDef | ast.Lambda | COMPREHENSIONS


def variables_of(tree: ast.Module) -> dict[ast.AST, Variable]:
    """The variable of each node that binds or reads one of the file's."""
    bound = defaultdict[ast.AST, set[str]](set)
    placed = [each for part in ast.iter_child_nodes(tree) for each in _placed(part, (tree,))]
    for node, scopes in placed:
        bound[scopes[-1]] |= set(binds(node))
    for node, scopes in placed:
        if isinstance(node, ast.Nonlocal | ast.Global):
            bound[scopes[-1]] -= set(node.names)
    found = ((node, _variable(node, scopes, bound)) for node, scopes in placed)
    return {node: variable for node, variable in found if variable}


def binds(node: ast.AST) -> Iterator[str]:
    """The name that the node binds; the names of imports lead to other files."""
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


def _variable(node: ast.AST, scopes: Scopes, bound: dict[ast.AST, set[str]]) -> Variable | None:
    """Of the innermost scope that binds the name; what a class binds, its functions do not see."""
    names = [node.id] if isinstance(node, ast.Name) else list(binds(node))
    seen = [s for s in scopes if s is scopes[-1] or not isinstance(s, ast.ClassDef)]
    found = ((scope, name) for name in names for scope in reversed(seen) if name in bound[scope])
    return next(found, None)


def _placed(node: ast.AST, scopes: Scopes) -> Iterator[tuple[ast.AST, Scopes]]:
    """Each node with the scopes that it stands in, the innermost last."""
    yield node, scopes
    for part in ast.iter_child_nodes(node):
        yield from _placed(part, _around(part, node, scopes))


def _around(part: ast.AST, node: ast.AST, scopes: Scopes) -> Scopes:
    """The scopes of a part of the node. A default, and what a comprehension walks first, are
    reckoned before their scope begins; `:=` binds outside of comprehensions."""
    match node:
        case ast.arguments(defaults=given, kw_defaults=named) if part in (*given, *named):
            return scopes[:-1]
        case ast.comprehension(iter=walked) if part is walked and _is_first(node, scopes[-1]):
            return scopes[:-1]
        case ast.NamedExpr(target=target) if part is target:
            return tuple(each for each in scopes if not isinstance(each, COMPREHENSIONS))
    return (*scopes, node) if isinstance(node, SCOPES) else scopes


def _is_first(loop: ast.comprehension, scope: ast.AST) -> bool:
    return isinstance(scope, COMPREHENSIONS) and scope.generators[0] is loop


# --- what they are given -------------------------------------------------------------------------


def given_by(node: ast.AST) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Targets and patterns, and what each is given. A loop unpacks what it walks."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from (pair for target in targets for pair in _pairs(target, value))
        case (
            ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.NamedExpr(target=target, value=value)
        ):
            yield target, value
        case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
            yield from _pairs(ast.List([target], ast.Store()), value)
        case ast.Match(subject=value, cases=cases):
            yield from (pair for case in cases for pair in _pairs(case.pattern, value))
        case ast.arguments(posonlyargs=first, args=args, defaults=defaults):
            yield from zip([*first, *args][::-1], defaults[::-1], strict=False)
            named = zip(node.kwonlyargs, node.kw_defaults, strict=True)
            yield from ((name, default) for name, default in named if default)


def _pairs(target: ast.AST, value: ast.expr) -> Iterator[tuple[ast.AST, ast.expr]]:
    """A target and what it is given; or each of several, and what that is given."""
    match target, value:
        case (
            ast.Tuple(elts=several) | ast.List(elts=several) | ast.MatchSequence(patterns=several),
            ast.Tuple(elts=values) | ast.List(elts=values),
        ) if len(several) == len(values) and not any(map(_is_starred, (*several, *values))):
            for one, its in zip(several, values, strict=True):
                yield from _pairs(one, its)
        case _:
            yield target, value


def _is_starred(node: ast.AST) -> bool:
    return isinstance(node, ast.Starred | ast.MatchStar)
