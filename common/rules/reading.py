"""Rules from a TOML file; what is wrong in it is told with its line and the nearest name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from common.errors import UserError, reason_of
from common.files import read_toml
from common.rules.glossary import Glossary, read_glossary
from common.rules.places import line_of, near
from common.rules.rule import Rule, RulesFile

F = TypeVar("F", bound=RulesFile[Any])
# Field of a rule or of its condition → the names that there are; what is missing is not checked.
Known = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Read(Generic[F]):
    """Rules, and the files that they were read from."""

    rules: F
    files: tuple[Path, ...]


def read_rules(path: Path, model: type[F], known: Known | None = None) -> F:
    """The rules of a file, their words expanded by its glossary.

    Args:
        model: what the application reads.

    Raises:
        UserError: the file or its glossary is missing or broken, a name that there is not, a value
            that makes no sense, or two rules that contradict each other.
    """
    return read(path, model, known).rules


def read(path: Path, model: type[F], known: Known | None = None) -> Read[F]:
    """The same, with the files; arguments as of `read_rules`."""
    values = read_toml(path)
    named = values.pop("glossary", None)
    if named is not None and not isinstance(named, str):
        raise UserError("glossary: not the name of a file", where=line_of(path, "glossary"))
    for name in values:
        if name not in model.model_fields:
            names = [*sorted(model.model_fields, key="rule".__eq__), "glossary"]
            hint = near(name, names).replace("There are", "Rules")
            where = line_of(path, name)
            raise UserError(f"there is no rule {name!r}", where=where, hint=hint)
    try:
        rules = model.model_validate(values)
    except ValidationError as error:
        raise _mistake(path, values, model, error) from None
    files = [path]
    if named is not None:
        files.append(path.parent / named)
        rules = _expanded(rules, read_glossary(files[-1]))
    _check(path, rules, known or {})
    return Read(rules, tuple(files))


def _expanded(rules: F, glossary: Glossary) -> F:
    found = [
        rule.model_copy(update={"when": glossary.expand(rule.when)}) if rule.when else rule
        for rule in rules.rule
    ]
    return rules.model_copy(update={"rule": tuple(found)})


def _check(path: Path, rules: RulesFile[Any], known: Known) -> None:
    seen: set[str] = set()
    for number, rule in enumerate(rules.rule):
        if rule.name in seen:
            where = line_of(path, "rule", number, "name")
            raise UserError(f"two rules are called {rule.name!r}", where=where)
        seen.add(rule.name)
        _check_names(path, number, rule, known)
    for one, other in rules.contradictions():
        number = rules.rule.index(other)
        raise UserError(
            f"rule {other.name!r} contradicts {one.name!r}: {_said(one)}, {_said(other)}",
            where=line_of(path, "rule", number),
            hint="They go by the same words, so that the later one would never decide.",
        )


def _check_names(path: Path, number: int, rule: Rule, known: Known) -> None:
    when = rule.when.facts if rule.when else {}
    for name, names in known.items():
        for value, place in ((getattr(rule, name, None), ()), (when.get(name), ("when",))):
            if value is not None and value not in names:
                raise UserError(
                    f"rule {rule.name!r}: there is no {name} {value!r}",
                    where=line_of(path, "rule", number, *place, name),
                    hint=near(value, names),
                )


def _said(rule: Rule) -> str:
    name, value = rule.decides or ("", "")
    return f"{rule.action} {name} {value!r}"


def _mistake(
    path: Path, values: Mapping[str, Any], model: type[BaseModel], error: ValidationError
) -> UserError:
    """The first thing that is wrong, where it stands."""
    first = error.errors()[0]
    place = first["loc"]
    if place[:1] == ("rule",) and len(place) > 1:
        return _mistake_in_rule(path, values["rule"], model, dict(first))
    name = f"rule {place[0]}: " if place else ""
    where = line_of(path, *map(str, place[:1])) if place else str(path)
    return UserError(f"{name}{reason_of(first)} (given: {first['input']!r})", where=where)


def _mistake_in_rule(
    path: Path, tables: Sequence[Any], model: type[BaseModel], error: Mapping[str, Any]
) -> UserError:
    number = int(error["loc"][1])
    keys = [key for key in error["loc"][2:] if isinstance(key, str)]
    table = tables[number]
    called = table.get("name") if isinstance(table, dict) else None
    begins = f"rule {called!r}" if isinstance(called, str) else f"rule {number + 1}"
    what, hint = ".".join(keys) + ": " if keys else "", None
    if error["type"] == "extra_forbidden":
        what, hint = f"there is no {keys[-1]!r}", near(keys[-1], _fields(model, keys[:-1]))
    elif error["type"] == "missing":
        what = f"{keys[-1]} is missing"
    else:
        what += reason_of(error)
    if error["type"] == "literal_error":
        expected = str(error["ctx"]["expected"]).replace("'", "").replace(" or ", ", ")
        hint = near(str(error["input"]), expected.split(", "))
    return UserError(f"{begins}: {what}", where=line_of(path, "rule", number, *keys), hint=hint)


def _fields(model: type[BaseModel], keys: Sequence[str]) -> list[str]:
    """The names of the fields of a rule, or of what lies in it under these keys."""
    found: Any = get_args(model.model_fields["rule"].annotation)[0]
    for key in keys:
        inner = found.model_fields[key].annotation if key in found.model_fields else None
        tables = [one for one in (inner, *get_args(inner)) if hasattr(one, "model_fields")]
        if tables:
            found = tables[0]
    return [field.alias or name for name, field in found.model_fields.items()]
