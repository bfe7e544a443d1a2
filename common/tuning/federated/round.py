"""One round of a federation: a folder that its parties share, and what they all agree on.

round.json         the base model, settings, labels known before, who takes part
start/             heads before the round; the model, where it is no named one
parties/NAME.json  what a party says of itself: its labels, how many texts, its public key
contributions/     what each learned: NAME.safetensors, NAME.json
joint/             the model, the heads and the labels of all
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from common.errors import UserError, reason_of
from common.files import file_sha256, read_json, write_json
from common.models.sources.bundled import Source, locate
from common.tuning.settings import Settings

ROUND = "round.json"
START, PARTIES, CONTRIBUTIONS, JOINT = "start", "parties", "contributions", "joint"
MODEL, HEADS, CLASSES = "model", "heads.safetensors", "classes.json"
FORMAT = 1
NAME = re.compile(r"[\w-]{1,64}")
T = TypeVar("T")
# Head → the names of its classes.
Classes = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Member:
    """What a party says of itself before it contributes.

    Attributes:
        texts: how many it learns from.
        classes: the labels that it has.
        key: for masks, its public key; empty where nothing is masked.
        drawn: makes a party that joins again another one.
    """

    party: str
    texts: int
    classes: dict[str, list[str]]
    key: str
    drawn: str

    @classmethod
    def new(cls, party: str, texts: int, classes: Classes, key: str) -> Member:
        """One that joins now."""
        named = {head: sorted(names) for head, names in classes.items() if names}
        return cls(party, texts, named, key, secrets.token_hex(16))


@dataclass(frozen=True)
class Round:
    """What all parties agree on.

    Attributes:
        base: name of the pretrained model; empty where it lies in `start/`.
        weights: SHA-256 of the base model's weight files.
        classes: labels that the heads in `start/` know.
        clipping: largest norm of what one party may change of what all share.
        masked: nobody sees a contribution, but the sum of all.
        seed: what is drawn alike by all parties.
    """

    directory: Path
    application: str
    base: str
    weights: dict[str, str]
    parties: tuple[str, ...]
    settings: Settings
    classes: dict[str, list[str]]
    clipping: float
    masked: bool
    seed: int

    def write(self) -> None:
        """Write `round.json`."""
        stated = {one.name: getattr(self, one.name) for one in fields(self)}
        del stated["directory"]
        # The rate by itself: one as usual elsewhere is not what a strategy takes unasked.
        settings = self.settings.model_dump(exclude_defaults=True) | {
            "learning_rate": self.settings.learning_rate
        }
        write_json(self.directory / ROUND, {"format": FORMAT, **stated, "settings": settings})

    @classmethod
    def read(cls, directory: Path) -> Round:
        """Open a round.

        Raises:
            UserError: there is none, or it is of another version.
        """
        if not (directory / ROUND).is_file():
            raise UserError(
                "no round here", where=str(directory), hint="Begin one: federate init DIR."
            )
        stated: dict[str, Any] = read_json(directory / ROUND)
        if stated.pop("format", None) != FORMAT:
            raise UserError("a round of another version", where=str(directory / ROUND))
        found = read_as(cls, {**stated, "directory": directory}, directory / ROUND)
        check_names(found.parties, fewest(found.masked))
        return found

    @property
    def start(self) -> Path:
        """Where heads, and perhaps the model, lie before the round."""
        return self.directory / START

    @cached_property
    def source(self) -> Source:
        """The base model on this machine.

        Raises:
            UserError: it is not here, or is another.
        """
        found = locate(self.base or str(self.start / MODEL))
        if weights_of(found) != self.weights:
            raise UserError(
                f"the base model {found.name} is not the one that this round starts from",
                where=str(found.directory),
                hint="Every party needs the very same files: install the version that the round's "
                "coordinator has.",
            )
        return found

    def check_party(self, party: str) -> None:
        """See that a party takes part.

        Raises:
            UserError: it does not.
        """
        if party not in self.parties:
            raise UserError(
                f"{party!r} takes no part in this round",
                where=str(self.directory / ROUND),
                hint=f"Its parties: {', '.join(self.parties)}.",
            )

    def join(self, member: Member) -> None:
        """Write what a party says of itself."""
        self.check_party(member.party)
        write_json(self.directory / PARTIES / f"{member.party}.json", asdict(member))

    def drop(self, party: str) -> Round:
        """Go on without a party: the others contribute again, under other masks.

        Raises:
            UserError: it takes no part, or too few would be left.
        """
        self.check_party(party)
        left = tuple(name for name in self.parties if name != party)
        check_names(left, fewest(self.masked))
        smaller = replace(self, parties=left)
        smaller.write()
        return smaller

    @property
    def missing(self) -> list[str]:
        """Parties that have not joined yet."""
        return [p for p in self.parties if not (self.directory / PARTIES / f"{p}.json").exists()]

    def roster(self) -> Roster:
        """All parties.

        Raises:
            UserError: one has not joined yet.
        """
        if self.missing:
            raise UserError(
                f"not all parties have joined: {', '.join(self.missing)}",
                where=str(self.directory / PARTIES),
                hint="Wait for them (federate join), or leave them out: federate drop DIR --party "
                "NAME.",
            )
        return Roster(self, [self._member(party) for party in self.parties])

    def _member(self, party: str) -> Member:
        path = self.directory / PARTIES / f"{party}.json"
        member = read_as(Member, read_json(path), path)
        unknown = sorted({*member.classes} - {*self.classes})
        if member.party != party or member.texts < 1 or unknown:
            raise UserError(
                f"this is not what {party} can say of itself",
                where=str(path),
                hint=f"Let {party} run federate join again.",
            )
        return member

    def digest(self) -> str:
        """SHA-256 of all that the round's files say before anybody contributes."""
        files = [ROUND, f"{START}/{HEADS}", *(f"{PARTIES}/{p}.json" for p in sorted(self.parties))]
        hashes = [file_sha256(self.directory / name) for name in files]
        return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()


@dataclass(frozen=True)
class Roster:
    """The parties of a round, and what follows of them."""

    round: Round
    members: Sequence[Member]

    @cached_property
    def digest(self) -> str:
        """What every contribution of these parties is of."""
        return self.round.digest()

    @cached_property
    def weights(self) -> dict[str, float]:
        """Each party's share in the mean: of the texts, but none more than all others together."""
        total = sum(member.texts for member in self.members)
        counted = {m.party: min(m.texts, max(total - m.texts, 1)) for m in self.members}
        return {party: texts / sum(counted.values()) for party, texts in counted.items()}

    @cached_property
    def classes(self) -> dict[str, list[str]]:
        """The labels of all, and those known before, sorted; heads that nobody has are left out."""
        found: dict[str, set[str]] = {}
        for one in (self.round.classes, *(member.classes for member in self.members)):
            for head, names in one.items():
                found.setdefault(head, set()).update(names)
        return {head: sorted(names) for head, names in sorted(found.items()) if names}

    @property
    def keys(self) -> dict[str, str]:
        """Party → its public key."""
        return {member.party: member.key for member in self.members}

    def member(self, party: str) -> Member:
        """The one of this name."""
        return next(member for member in self.members if member.party == party)


def read_as(kind: type[T], stated: Any, path: Path) -> T:
    """What a file of somebody else's says, as one of our own.

    Raises:
        UserError: it says something else.
    """
    try:
        return TypeAdapter(kind).validate_python(stated)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise UserError(f"{name}: {reason_of(first)}", where=str(path)) from None


def fewest(masked: bool) -> int:
    """Parties that a round needs; with masks, of two each would know the other's update."""
    return 3 if masked else 2


def check_names(parties: Sequence[str], least: int) -> None:
    """See that parties can be told apart, and become names of files.

    Raises:
        UserError: they cannot, or are too few.
    """
    for name in parties:
        if not NAME.fullmatch(name):
            raise UserError(
                f"a party cannot be called {name!r}", hint="Take letters, digits, _ and -."
            )
    if len({*parties}) < max(least, len(parties)):
        raise UserError(
            f"parties: {', '.join(parties)}: at least {least} are needed, each with its own name",
            hint="With masks, of two each would know the other's update." if least > 2 else None,
        )


def weights_of(source: Source) -> dict[str, str]:
    """SHA-256 of each weight file of a model, by its name."""
    files = sorted(source.directory.rglob("*.safetensors"))
    return {f.relative_to(source.directory).as_posix(): file_sha256(f) for f in files}
