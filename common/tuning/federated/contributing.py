"""What one party does: join, learn once, and send as often as the parties change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.console import say
from common.errors import UserError
from common.files import read_json, write_atomically, write_json
from common.records.fields import content_hash
from common.tuning.federated.contribution import write_contribution
from common.tuning.federated.masks import make_key
from common.tuning.federated.round import HEADS, Classes, Member, Round

if TYPE_CHECKING:
    # It brings torch, for which nobody who joins should wait.
    from common.tuning.federated.update import Update

# An update, and what its training guarantees.
Learned = tuple["Update", Mapping[str, Any] | None]
KEY, JOINED = "private.key", "joined.json"


@dataclass(frozen=True)
class Desk:
    """What a party keeps of a round for itself, in its own store.

    Attributes:
        directory: nobody else reads it.
        hashes: of the files that it learns from.
    """

    round: Round
    party: str
    directory: Path
    hashes: Mapping[str, str]

    @classmethod
    def of(cls, found: Round, party: str, root: Path, hashes: Mapping[str, str]) -> Desk:
        """Its place below the store of an application.

        Raises:
            UserError: it takes no part in the round.
        """
        found.check_party(party)
        return cls(found, party, _place(found, root) / party, hashes)

    @property
    def work(self) -> Path:
        """Where training keeps its checkpoints."""
        return self.directory / f"training-{self.data}"

    @property
    def data(self) -> str:
        """What it learns from, as one hash."""
        return hashlib.sha256(json.dumps(sorted(self.hashes.values())).encode()).hexdigest()[:16]

    def join(self, texts: Sequence[str], classes: Classes) -> None:
        """Say what it has: labels, how many texts, and a public key where there are masks.

        Args:
            texts: what it learns from; their hashes are kept here, nothing of them is sent.
        """
        key = make_key(self.directory / KEY) if self.round.masked else ""
        kept = {"data": self.data, "texts": sorted({content_hash(text) for text in texts})}
        write_json(self.directory / JOINED, kept)
        self.round.join(Member.new(self.party, len(texts), classes, key))

    def contribute(self, learn: Callable[[], Learned]) -> Path:
        """Learn, unless that is done, and write the contribution.

        Returns:
            The file that was written.

        Raises:
            UserError: it has not joined with these files, others have not joined, or the base
                model here is another.
        """
        from safetensors.torch import load_file

        joined = self.directory / JOINED
        if not joined.exists() or read_json(joined)["data"] != self.data:
            raise UserError(
                f"{self.party} has not joined with these files",
                where=str(self.round.directory),
                hint="Run federate join with the same files first. Whoever contributed already "
                "does so again, which takes seconds.",
            )
        base = self.round.source
        self.round.roster()
        update, privacy = self._kept() or self._learn(learn)
        # Somebody may have joined anew, or been dropped, in the meantime.
        found = Round.read(self.round.directory)
        found.check_party(self.party)
        roster = found.roster()
        say(f"From {base.name}. Parties: {roster.digest[:16]}, the same for all.")
        placed = update.placed(roster.classes, load_file(self.round.start / HEADS))
        return write_contribution(
            roster, self.party, placed, update.body, privacy, self.directory / KEY
        )

    def _learn(self, learn: Callable[[], Learned]) -> Learned:
        from safetensors.numpy import save

        update, privacy = learn()
        groups = {"body": update.body, "rows": update.rows, "values": update.values}
        flat = {f"{g}/{name}": array for g, some in groups.items() for name, array in some.items()}
        write_atomically(self._update, save(flat))
        stated = {"own": update.own, "norm": update.norm, "privacy": privacy}
        write_json(self._update.with_suffix(".json"), stated)
        return update, privacy

    def _kept(self) -> Learned | None:
        from safetensors.numpy import load_file

        from common.tuning.federated.update import Update

        if not self._update.with_suffix(".json").exists():
            return None
        stated = read_json(self._update.with_suffix(".json"))
        groups: dict[str, dict[str, Any]] = {"body": {}, "rows": {}, "values": {}}
        for key, values in load_file(self._update).items():
            group, _, name = key.partition("/")
            groups[group][name] = values
        say(f"{self.party} has learned already: what it learned is sent again")
        return Update(**groups, own=stated["own"], norm=stated["norm"]), stated["privacy"]

    @property
    def _update(self) -> Path:
        return self.directory / f"update-{self.data}.safetensors"


def check_held_out(found: Round, root: Path, texts: Iterable[str]) -> None:
    """See that none of these texts was learned from by the party whose store this is.

    Args:
        root: as of `Desk.of`.

    Raises:
        UserError: some were.
    """
    held_out = {content_hash(text) for text in texts}
    learned = [{*read_json(path)["texts"]} for path in _place(found, root).glob(f"*/{JOINED}")]
    if learned and (seen := min(len(held_out & one) for one in learned)):
        raise UserError(
            f"{seen} of the held-out texts were learned from in this round, so that they cannot "
            "show what the joint model is worth",
            hint="Give adopt the files that join and contribute were given.",
        )


def _place(found: Round, root: Path) -> Path:
    return root / "federated" / f"{found.seed:012x}"
