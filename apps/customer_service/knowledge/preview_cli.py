"""`faqs preview`: what would change, before drafts are published."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apps.customer_service.options_cli import Graph, read_facts
from common.cli import Device, Json, Store, print_json
from common.console import say, show_table
from common.errors import UserError
from common.learning.options_cli import DatabaseUrl

if TYPE_CHECKING:
    from apps.customer_service.knowledge.contradiction import FaqContradiction
    from apps.customer_service.knowledge.serving.preview import Preview


def add_preview(faqs: typer.Typer) -> None:
    """Add the verb."""

    @faqs.command()
    def preview(
        faq_ids: Annotated[
            list[str] | None, typer.Argument(help="Drafts, by id; default: all that wait.")
        ] = None,
        graph: Graph = None,
        device: Device = "auto",
        store: Store = Path("var"),
        database: DatabaseUrl = None,
        as_json: Json = False,
    ) -> None:
        """What would change if drafts were published: the golden questions, asked with them."""
        from apps.customer_service.knowledge import editing
        from apps.customer_service.knowledge.contradiction import against
        from apps.customer_service.knowledge.opening import open_knowledge
        from common.releases.registry import Registry

        facts = read_facts(graph)
        registry = Registry(store, "customer_service")
        with open_knowledge(store, database) as opened:
            now = opened.knowledge
        drafts = [i for i, one in now.edited.items() if one.standing.draft]
        if not drafts and not faq_ids:
            raise UserError("no draft waits", hint="See: faqs list, and faqs add --draft")
        edits = editing.publish(now, dict.fromkeys(faq_ids or drafts))
        release = registry.open()

        from apps.customer_service.knowledge.reading import Reader
        from apps.customer_service.knowledge.serving.preview import Previewer
        from apps.customer_service.release import golden_of, load_release

        base = load_release(release, device=device)
        previewer = Previewer(partial(golden_of, registry))
        found = previewer.preview(base, Reader(base), now, now.after(edits))
        told = against(facts, edits) if facts else []
        if as_json:
            print_json(_to_json(found, told))
            return
        _show(found, told)


def _to_json(found: Preview, told: list[FaqContradiction]) -> dict[str, Any]:
    return {
        "asked": found.asked,
        "as_of": found.as_of,
        "changed": [vars(one) for one in found.changed],
        "contradictions": [one.model_dump(mode="json") for one in told],
    }


def _show(found: Preview, told: list[FaqContradiction]) -> None:
    from rich.markup import escape
    from rich.table import Table

    for one in told:
        say(f"Contradicts the facts: {one.text}")
    if not found.asked:
        say("The release holds no golden questions to ask.")
        return
    if found.changed:
        table = Table("turns", "question", "before", "after")
        for changed in found.changed:
            cells = (changed.turns, changed.question, changed.before or "–", changed.after or "–")
            table.add_row(*map(escape, cells))
        show_table(table)
    turns = [one.turns for one in found.changed]
    say(
        f"Of {found.asked} golden questions, the first answer changes for {len(turns)}: "
        f"{turns.count('right')} turn right, {turns.count('wrong')} turn wrong."
    )
    if found.as_of:
        say(f"This is so once all of it is valid, {found.as_of:%Y-%m-%d %H:%M} UTC.")
