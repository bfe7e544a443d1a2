"""The ids of all users: which number one has, and which ids hold a piece of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


class UserIds:
    """Ids of users by number, found by their id or a piece of it."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._folded = [(user_id.casefold(), user_id) for user_id in ids]
        self.number = {user_id: number for number, user_id in enumerate(ids)}

    def __len__(self) -> int:
        return len(self.number)

    def __iter__(self) -> Iterator[str]:
        return iter(self.number)

    def __contains__(self, user_id: str) -> bool:
        return user_id in self.number

    def find(self, query: str, limit: int) -> list[str]:
        """At most `limit` ids that hold `query`, those that begin with it first."""
        sought = query.strip().casefold()
        found = [(not key.startswith(sought), one) for key, one in self._folded if sought in key]
        if not sought:
            # From all over the file: its first users may all be alike.
            found = found[:: max(1, len(found) // limit)]
        else:
            found.sort(key=lambda one: (one[0], len(one[1])))
        return [user_id for _, user_id in found[:limit]]
