"""What relations are called, what follows from them, and how they are asked about and told."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from common.errors import UserError, reason_of
from common.files import read_toml
from common.records.text import CHINESE, normalise

USUAL = Path(__file__).with_name("usual.toml")
# Another name of the same thing, which is no relation to another one.
ALSO_CALLED = "also called"
IS_A = "is a"
Side = Literal["objects", "subjects"]


def spelled(relation: str) -> str:
    """One spelling of a relation's name: small letters, spaces for underscores."""
    return normalise(relation).replace("_", " ").lower()


class Phrases(BaseModel):
    """How one side of a relation is asked for and told.

    Attributes:
        en, zh: regular expressions; `{x}`, `{k}` and `{y}` stand for things, see `usual.toml`.
        tells: how a text says it, as far as the value: `{x} costs`.
        say_en, say_zh: with `{x}` and `{found}`.
    """

    model_config = ConfigDict(extra="forbid")

    en: list[str] = []
    zh: list[str] = []
    tells: list[str] = []
    say_en: str = "{x}, {relation}: {found}."
    say_zh: str = "{x}，{relation}：{found}。"


class Wording(BaseModel):
    """How a relation is asked about: of a subject, for its objects, and the other way round."""

    model_config = ConfigDict(extra="forbid")

    objects: Phrases | None = None
    subjects: Phrases | None = None


class Vocabulary(BaseModel):
    """Relations and the rules that hold of them.

    Attributes:
        transitive: a r b and b r c give a r c.
        symmetric: a r b gives b r a.
        functional: of one subject there is one object at a time.
        acyclic: nothing is its own, over however many steps.
        inverse: a r b gives b s a, and the other way round.
        chains: relation → pairs of relations: a p b and b q c give a r c.
    """

    model_config = ConfigDict(extra="forbid")

    transitive: list[str] = []
    symmetric: list[str] = []
    functional: list[str] = []
    acyclic: list[str] = []
    inverse: dict[str, str] = {}
    chains: dict[str, list[tuple[str, str]]] = {}
    names: dict[str, list[str]] = {}
    wording: dict[str, Wording] = {}

    @field_validator("transitive", "symmetric", "functional", "acyclic")
    @classmethod
    def _spelled(cls, names: list[str]) -> list[str]:
        return [spelled(name) for name in names]

    @field_validator("inverse")
    @classmethod
    def _both_spelled(cls, pairs: dict[str, str]) -> dict[str, str]:
        return {spelled(one): spelled(other) for one, other in pairs.items()}

    @field_validator("names", "wording")
    @classmethod
    def _keys_spelled(cls, by_name: dict[str, Any]) -> dict[str, Any]:
        return {spelled(name): value for name, value in by_name.items()}

    @field_validator("chains")
    @classmethod
    def _chains_spelled(
        cls, chains: dict[str, list[tuple[str, str]]]
    ) -> dict[str, list[tuple[str, str]]]:
        return {
            spelled(name): [(spelled(one), spelled(other)) for one, other in pairs]
            for name, pairs in chains.items()
        }

    @model_validator(mode="after")
    def _by_one_name(self) -> Vocabulary:
        """Rules that are written for another name of a relation hold of the relation."""
        other = {spelled(one): name for name, others in self.names.items() for one in others}

        def named(relation: str) -> str:
            return relation if relation in self.names else other.get(relation, relation)

        for rule in ("transitive", "symmetric", "functional", "acyclic"):
            setattr(self, rule, [named(one) for one in getattr(self, rule)])
        self.inverse = {named(one): named(back) for one, back in self.inverse.items()}
        self.chains = {
            named(name): [(named(one), named(two)) for one, two in pairs]
            for name, pairs in self.chains.items()
        }
        self.wording = {named(name): wording for name, wording in self.wording.items()}
        return self

    @cached_property
    def between_things(self) -> frozenset[str]:
        """Relations whose objects are things and no values."""
        named = {*self.transitive, *self.symmetric, *self.acyclic, *self.inverse, *self.chains}
        pairs = (pair for pairs in self.chains.values() for pair in pairs)
        return frozenset(named | {*self.inverse.values()} | {one for pair in pairs for one in pair})

    @cached_property
    def _canonical(self) -> dict[str, str]:
        known = {*self.between_things, *self.functional, *self.names, *self.wording, ALSO_CALLED}
        found = {name: name for name in known}
        for name, others in self.names.items():
            found |= {spelled(other): name for other in others if spelled(other) not in known}
        return found

    def relation(self, written: str) -> str:
        """The one name of a relation, however it is written; its own if it has no other."""
        return self._canonical.get(spelled(written), spelled(written))

    def knows(self, relation: str) -> bool:
        """Whether it is declared."""
        return relation in self._canonical

    @property
    def known(self) -> list[str]:
        """Every name that is declared."""
        return sorted(self._canonical)

    def label(self, relation: str, language: str) -> str:
        """What it is called in a language, `en` or `zh`."""
        names = [relation, *self.names.get(relation, [])]
        wanted = [one for one in names if bool(CHINESE.search(one)) is (language == "zh")]
        return (wanted or names)[0]

    def with_more(self, other: Vocabulary) -> Vocabulary:
        """Both together; where both word a relation, the other's wording stands."""
        names = {
            name: [*self.names.get(name, []), *other.names.get(name, [])]
            for name in [*self.names, *other.names]
        }
        chains = {
            name: [*self.chains.get(name, []), *other.chains.get(name, [])]
            for name in [*self.chains, *other.chains]
        }
        return Vocabulary(
            transitive=[*self.transitive, *other.transitive],
            symmetric=[*self.symmetric, *other.symmetric],
            functional=[*self.functional, *other.functional],
            acyclic=[*self.acyclic, *other.acyclic],
            inverse={**self.inverse, **other.inverse},
            chains=chains,
            names=names,
            wording={**self.wording, **other.wording},
        )


def read_vocabulary(path: Path | None = None) -> Vocabulary:
    """The usual relations, and those that a file declares.

    Raises:
        UserError: the file is broken, or has a key that there is not.
    """
    usual = _parse(read_toml(USUAL), USUAL)
    return usual if path is None else usual.with_more(_parse(read_toml(path), path))


def _parse(values: Mapping[str, Any], path: Path) -> Vocabulary:
    try:
        return Vocabulary.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{where}: {reason_of(first)}",
            where=str(path),
            hint=f"The keys are: {', '.join(Vocabulary.model_fields)}.",
        ) from None
