"""A Velocity template → a function that renders it, with the meaning that API Gateway gives it.

airspeed parses. Its tree is compiled into closures once, because a walk through the tree costs three times as much for
every event of a batch. A test double must not guess: what is not part of API Gateway's Velocity, or differs between its
versions (for example a condition that is no boolean), is an error of the API here.
"""

import functools
import operator
from collections.abc import Callable
from typing import Any, Final

import airspeed
from airspeed import operators as tree

from local.cloud.apigateway.body import NotJsonError
from local.cloud.apigateway.faults import TemplateError
from local.cloud.apigateway.vtl_values import Names, assign, call, element, java_text, member

Value = Callable[[Names], Any]
Step = Callable[[Names, list[str]], None]

#: API Gateway ends a #foreach silently after this many rounds
#: (docs.aws.amazon.com/apigateway/latest/developerguide/limits.html).
MAX_ROUNDS: Final = 1000

_LITERALS: Final = (tree.NullLiteral, tree.IntegerLiteral, tree.FloatingPointLiteral, tree.BooleanLiteral)
_OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "+": operator.add, "-": operator.sub, "*": operator.mul,
}  # fmt: skip


class Template:
    """A compiled template; `compiled` caches it, and each request renders it."""

    def __init__(self, text: str) -> None:
        try:
            parsed = airspeed.Template(text)
            parsed.ensure_compiled()
        except airspeed.TemplateSyntaxError as error:
            raise TemplateError(f"the mapping template does not parse: {error}") from error
        self._render = _block(parsed.root_element.block)

    def render(self, names: Names) -> str:
        """Return the text for these variables; `#set` adds variables."""
        output: list[str] = []
        try:
            self._render(names, output)
        except NotJsonError:
            raise
        except (TypeError, ValueError, KeyError, IndexError, RecursionError) as error:
            raise TemplateError(f"the mapping template fails: {type(error).__name__}: {error}") from error
        return "".join(output)


@functools.lru_cache(maxsize=256)
def compiled(text: str) -> Template:
    """Return the compiled form of a template's text."""
    return Template(text)


def _block(node: Any) -> Step:
    steps = [step for step in map(_step, node.children) if step is not None]

    def render(names: Names, output: list[str]) -> None:
        for step in steps:
            step(names, output)

    return render


def _step(node: Any) -> Step | None:
    """Compile one directive, text or reference; return None for what renders to nothing."""
    match node:
        case tree.Comment():
            return None
        case tree.Text() | tree.FallthroughHashText():
            text = node.text
            return lambda _names, output: output.append(text)
        case tree.FormalReference():
            return _print(_reference(node))
        case tree.SetDirective():
            return _set(node.assignment)
        case tree.IfDirective():
            return _if(node)
        case tree.ForeachDirective():
            return _foreach(node)
    raise TemplateError(f"the local API Gateway does not know {node.my_text()[:80]!r}")


def _print(value: Value) -> Step:
    def render(names: Names, output: list[str]) -> None:
        result = value(names)
        output.append(result if type(result) is str else java_text(result))

    return render


def _set(node: Any) -> Step:
    value = _expression(node.value)
    root: str = node.root_term
    if not node.terms:

        def bind(names: Names, _output: list[str]) -> None:
            names[root] = value(names)

        return bind
    path = [_constant_term(term.term) for term in node.terms]

    def put(names: Names, _output: list[str]) -> None:
        assign(names.get(root), path, value(names))

    return put


def _constant_term(node: Any) -> str:
    if isinstance(node, tree.DotDictAccessTerm):
        return str(node.value)
    raise TemplateError("the local API Gateway assigns to names only, not to an index")


def _if(node: Any) -> Step:
    branches = [(_condition(node.condition), _block(node.block))]
    branches += [(_condition(branch.condition), _block(branch.block)) for branch in node.elseifs]
    otherwise = _block(node.else_block.block) if isinstance(node.else_block, tree.ElseBlock) else None

    def render(names: Names, output: list[str]) -> None:
        for condition, block in branches:
            if condition(names):
                block(names, output)
                return
        if otherwise is not None:
            otherwise(names, output)

    return render


def _condition(node: Any) -> Value:
    value, text = _parenthesized(node.expression), node.my_text().strip()

    def holds(names: Names) -> bool:
        result = value(names)
        if type(result) is not bool:
            raise TemplateError(f"the condition {text} is no boolean: compare, for Velocity's versions differ in this")
        return result

    return holds


def _foreach(node: Any) -> Step:
    values, body, name = _operand(node.value.expression), _block(node.block), node.loop_var_name

    def render(names: Names, output: list[str]) -> None:
        items = values(names)
        if items is None:
            return
        if not isinstance(items, list):
            raise TemplateError(f"#foreach over {type(items).__name__}: the local API Gateway goes through lists only")
        outer = {key: names.get(key) for key in (name, "foreach", "velocityCount")}
        last = len(items) - 1
        for index, item in enumerate(items[:MAX_ROUNDS]):
            names[name] = item
            names["foreach"] = {"index": index, "count": index + 1, "hasNext": index < last, "first": index == 0}
            names["velocityCount"] = index + 1
            body(names, output)
        names.update(outer)

    return render


def _reference(node: Any) -> Value:
    if node.expression is None or node.alternate is not None:
        raise TemplateError(f"the local API Gateway does not know the reference {node.my_text()!r}")
    part, rest = node.expression.part, node.expression.subexpression
    name: str = part.name
    if part.parameters is not None:
        raise TemplateError(f"${name}() is no variable")
    steps = [*([_item(part.index)] if part.index is not None else []), *_accesses(rest)]
    if not steps:
        return lambda names: names.get(name)

    def resolve(names: Names) -> Any:
        value = names.get(name)
        for step in steps:
            value = step(value, names)
        return value

    return resolve


Access = Callable[[Any, Names], Any]


def _accesses(node: Any) -> list[Access]:
    """Compile `.name`, `.call(…)` and `[index]` after a variable's name, in order."""
    if node is None:
        return []
    if isinstance(node.expression, tree.ArrayIndex):
        return [_item(node.expression), *_accesses(node.subexpression)]
    part = node.expression.part
    steps = [_member_or_call(part)]
    if part.index is not None:
        steps.append(_item(part.index))
    return [*steps, *_accesses(node.expression.subexpression)]


def _member_or_call(part: Any) -> Access:
    name: str = part.name
    if part.parameters is None:
        return lambda value, _names: member(value, name)
    arguments = [_operand(value.expression) for value in getattr(part.parameters.values, "values", ())]
    if len(arguments) == 1:
        (only,) = arguments
        return lambda value, names: call(value, name, (only(names),))
    return lambda value, names: call(value, name, tuple(argument(names) for argument in arguments))


def _item(node: Any) -> Access:
    index = _operand(node.index)
    return lambda value, names: element(value, index(names))


def _operand(node: Any) -> Value:
    match node:
        case tree.FormalReference():
            return _reference(node)
        case tree.InterpolatedStringLiteral():
            return _interpolated(node)
        case tree.StringLiteral():
            text: str = node.value
            return lambda _names: text
        case tree.ParenthesizedExpression():
            return _parenthesized(node)
        case tree.UnaryOperatorValue():
            negated = _operand(node.value.expression)
            return lambda names: not negated(names)
    if isinstance(node, _LITERALS):
        constant = node.value
        return lambda _names: constant
    raise TemplateError(f"the local API Gateway does not know the value {node.my_text()!r}")


def _interpolated(node: Any) -> Value:
    render = _block(node.block)

    def text(names: Names) -> str:
        output: list[str] = []
        render(names, output)
        return "".join(output)

    return text


def _parenthesized(node: Any) -> Value:
    # airspeed keeps the inner expression only in the bound method that it stores.
    return _expression(node.calculate.__self__)


def _expression(node: Any) -> Value:
    """Compile operands and operators in a row, by precedence (a smaller number binds tighter), from the left."""
    values = [_operand(part.expression) for part in node.expression[0::2]]
    operators = list(node.expression[1::2])
    while operators:
        at = min(range(len(operators)), key=lambda i: (operators[i].precedence, i))
        values[at : at + 2] = [_combined(operators.pop(at).my_text().strip(), values[at], values[at + 1])]
    return values[0]


def _combined(symbol: str, left: Value, right: Value) -> Value:
    if symbol in ("&&", "and"):
        return lambda names: left(names) and right(names)
    if symbol in ("||", "or"):
        return lambda names: left(names) or right(names)
    apply = _OPERATORS.get(symbol)
    if apply is None:
        raise TemplateError(f"the local API Gateway does not know the operator {symbol!r}")
    return lambda names: apply(left(names), right(names))
