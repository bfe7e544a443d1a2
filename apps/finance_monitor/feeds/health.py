"""How a source does: what is shown of it, and told to Prometheus."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class SourceHealth:
    """How one source stands; times in seconds since 1970.

    Attributes:
        heard_at: when it last answered; None: not since the start.
        error: why it does not answer now.
        last_error: the last one there was, and when.
        next_try: None: it is not asked any more.
        behind: seconds of news that may be missing: since it was last read up to date.
        records: handed out since the start.
    """

    name: str
    kind: str
    heard_at: float | None = None
    error: str | None = None
    last_error: str | None = None
    failed_at: float | None = None
    next_try: float | None = None
    behind: float | None = None
    records: int = 0

    def to_json(self) -> dict[str, Any]:
        """By its names, times in ISO 8601."""
        found = asdict(self)
        for name in ("heard_at", "failed_at", "next_try"):
            if found[name] is not None:
                found[name] = datetime.fromtimestamp(found[name], UTC).isoformat()
        return found
