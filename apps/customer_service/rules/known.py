"""The names that rules may use: read from disk, without the model."""

from __future__ import annotations

from pathlib import Path

from apps.customer_service.knowledge.opening import open_knowledge
from apps.customer_service.knowledge.store import APPLICATION
from common.files import read_json
from common.releases.registry import Registry
from common.rules.reading import Known

# Of a release: its intents among other things.
MODEL = "model.json"


def known_names(store: Path, database: str | None = None) -> Known:
    """FAQs as they are served now, live edits included, and the intents; empty without release."""
    if Registry(store, APPLICATION).current_id() is None:
        return {}
    with open_knowledge(store, database) as opened:
        assert opened.release
        intents: list[str] = read_json(opened.release.directory / MODEL)["intents"]
        return {"faq_id": list(opened.knowledge.live), "intent": intents, "label": intents}
