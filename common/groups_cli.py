"""Options that go together, as one parameter of a verb."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from typing import Any, TypeVar, cast, get_type_hints

Verb = TypeVar("Verb", bound=Callable[..., None])


def grouped(verb: Verb) -> Verb:
    """A verb with the fields of its parameters that are dataclasses as options.

    typer knows no groups, but reads a signature: it is given one in which the fields, each with its
    annotation and its default, stand where their group does. Called from code, the verb takes the
    groups as they are.
    """
    signature = inspect.signature(verb, eval_str=True)
    groups: dict[str, Any] = {}
    shown = []
    for parameter in signature.parameters.values():
        group = parameter.annotation
        if not is_dataclass(group):
            shown.append(parameter)
            continue
        groups[parameter.name] = group
        hints = get_type_hints(group, include_extras=True)
        shown += [
            parameter.replace(
                name=field.name,
                default=inspect.Parameter.empty if field.default is MISSING else field.default,
                annotation=hints[field.name],
            )
            for field in fields(group)
        ]

    @wraps(verb)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            if name not in given:
                own = {field.name: given.pop(field.name) for field in fields(group)}
                given[name] = group(**own)
        verb(**given)

    read: Any = run
    read.__signature__ = signature.replace(parameters=shown)
    read.__annotations__ = {one.name: one.annotation for one in shown}
    return cast(Verb, read)
