"""`faqs add|edit|remove|publish|reject|undo`: one change each."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apps.customer_service.options_cli import Graph, read_facts
from common.cli import Mapping, Store, existing, parse_mapping
from common.console import say
from common.errors import UserError, reason_of
from common.learning.options_cli import DatabaseUrl

if TYPE_CHECKING:
    from apps.customer_service.knowledge.contradiction import FactCheck
    from apps.customer_service.knowledge.proposing import LeftOut
    from apps.customer_service.knowledge.schema import Edit, Kind, Knowledge
    from apps.customer_service.schema import Faq

Id = Annotated[str, typer.Argument(help="Its id; see `faqs list`.")]
Ids = Annotated[list[str], typer.Argument(help="Ids; see `faqs list --state draft`.")]
Question = Annotated[str | None, typer.Option("--question", help="What is asked.")]
Reply = Annotated[str | None, typer.Option("--answer", help="What is answered.")]
Similar = Annotated[
    list[str] | None, typer.Option("--similar", help="Another way to ask it. May be repeated.")
]
Language = Annotated[str | None, typer.Option("--language", help="Default: by the question.")]
Url = Annotated[str | None, typer.Option("--url", help="Where more is to be read.")]
Intent = Annotated[str | None, typer.Option("--intent", help="Its intent.")]
TranslationOf = Annotated[
    str | None, typer.Option("--translation-of", help="Id of the same in another language.")
]
ValidFrom = Annotated[
    str | None, typer.Option("--valid-from", help="A date (its beginning, UTC), or ISO 8601.")
]
ValidUntil = Annotated[
    str | None, typer.Option("--valid-until", help="A date (its end, UTC), or ISO 8601.")
]
Draft = Annotated[bool, typer.Option("--draft", help="Wait for `faqs publish`.")]
SeenVersion = Annotated[
    int | None,
    typer.Option("--version", min=0, help="Refuse if it has changed since this version."),
]
DespiteFacts = Annotated[
    bool,
    typer.Option("--despite-facts", help="Serve it even if it contradicts the facts of --graph."),
]
AuthorName = Annotated[
    str | None, typer.Option("--author", help="Who does it. Default: your login name.")
]

# Of FAQs that are left out for one reason.
MOST_TOLD = 10


def add_editing(faqs: typer.Typer) -> None:
    """Add the verbs."""
    _add_writing(faqs)
    _add_deciding(faqs)


def _add_writing(faqs: typer.Typer) -> None:
    @faqs.command()
    def add(
        question: Question = None,
        answer: Reply = None,
        similar: Similar = None,
        language: Language = None,
        url: Url = None,
        intent: Intent = None,
        translation_of: TranslationOf = None,
        valid_from: ValidFrom = None,
        valid_until: ValidUntil = None,
        faq_id: Annotated[
            str | None, typer.Option("--id", help="Default: made of the question.")
        ] = None,
        table: Annotated[
            list[Path] | None,
            typer.Option("--from", help="Many, from a table or a folder.", callback=existing),
        ] = None,
        mapping: Mapping = None,
        skip_existing: Annotated[
            bool,
            typer.Option("--skip-existing", help="Of --from: take what is new, tell the rest."),
        ] = False,
        draft: Draft = False,
        graph: Graph = None,
        despite_facts: DespiteFacts = False,
        author: AuthorName = None,
        store: Store = Path("var"),
        database: DatabaseUrl = None,
    ) -> None:
        """Add an FAQ, or many; they are served at once, without training."""
        from apps.customer_service.knowledge import editing
        from apps.customer_service.knowledge.proposing import what_is_new

        given = _given(
            id=faq_id, question=question, answer=answer, similar_questions=similar, url=url,
            language=language, intent=intent, translation_of=translation_of,
            valid_from=valid_from, valid_until=valid_until,
        )  # fmt: skip
        if bool(table) == bool(given):
            raise UserError("add what?", hint="Give --question and --answer, or --from FILE")
        if skip_existing and not table:
            raise UserError("--skip-existing: of which table?", hint="Give --from FILE")
        found = _read(table, mapping) if table else [_faq(given)]

        def make(now: Knowledge) -> list[Edit]:
            new, left_out = what_is_new(now, found) if skip_existing else (found, [])
            _say_left_out(left_out)
            return editing.add(now, new, draft=draft)

        said = "{what} {waits}" if draft else "{what} served from now on"
        _write(
            make, "add", author, store, database, f"{{change}}: {said}.",
            read_facts(None if despite_facts else graph),
        )  # fmt: skip

    @faqs.command()
    def edit(
        faq_id: Id,
        question: Question = None,
        answer: Reply = None,
        similar: Similar = None,
        language: Language = None,
        url: Url = None,
        intent: Intent = None,
        translation_of: TranslationOf = None,
        valid_from: ValidFrom = None,
        valid_until: ValidUntil = None,
        version: SeenVersion = None,
        draft: Draft = False,
        graph: Graph = None,
        despite_facts: DespiteFacts = False,
        author: AuthorName = None,
        store: Store = Path("var"),
        database: DatabaseUrl = None,
    ) -> None:
        """Change what is given of an FAQ, and leave the rest; "" takes a value away."""
        from apps.customer_service.knowledge import editing

        given = _given(
            question=question, answer=answer, similar_questions=similar, url=url,
            language=language, intent=intent, translation_of=translation_of,
            valid_from=valid_from, valid_until=valid_until,
        )  # fmt: skip
        if not given:
            raise UserError("change what?", hint="Give --answer TEXT, for example")

        def make(now: Knowledge) -> list[Edit]:
            entry = editing.latest(now, faq_id, version)
            changed = _faq({**entry.model_dump(exclude={"heard"}), **given})
            return editing.change(now, faq_id, changed, draft=draft)

        said = "{change}: a draft is waiting." if draft else "{change}: {what} is changed."
        facts = read_facts(None if despite_facts else graph)
        _write(make, "edit", author, store, database, said, facts)

    @faqs.command()
    def remove(
        faq_id: Id,
        version: SeenVersion = None,
        author: AuthorName = None,
        store: Store = Path("var"),
        database: DatabaseUrl = None,
    ) -> None:
        """Serve an FAQ no more."""
        from apps.customer_service.knowledge import editing

        _write(
            lambda now: editing.remove(now, faq_id, version), "remove", author, store, database,
            f"{{change}}: {faq_id} is served no more.",
        )  # fmt: skip


def _add_deciding(faqs: typer.Typer) -> None:
    @faqs.command()
    def publish(
        faq_ids: Ids,
        graph: Graph = None,
        despite_facts: DespiteFacts = False,
        author: AuthorName = None,
        store: Store = Path("var"),
        database: DatabaseUrl = None,
    ) -> None:
        """Let drafts be served; `faqs preview` tells first what would change."""
        from apps.customer_service.knowledge import editing

        _write(
            lambda now: editing.publish(now, dict.fromkeys(faq_ids)), "publish", author, store,
            database, f"{{change}}: {len(faq_ids)} published.",
            read_facts(None if despite_facts else graph),
        )  # fmt: skip

    @faqs.command()
    def reject(
        faq_ids: Ids,
        author: AuthorName = None,
        store: Store = Path("var"),
        database: DatabaseUrl = None,
    ) -> None:
        """Drop drafts; what was served before goes on."""
        from apps.customer_service.knowledge import editing

        _write(
            lambda now: editing.reject(now, dict.fromkeys(faq_ids)), "reject", author, store,
            database, f"{{change}}: {len(faq_ids)} rejected.",
        )  # fmt: skip

    @faqs.command()
    def undo(
        change: Annotated[int, typer.Argument(min=1, help="Its number; see `faqs history`.")],
        only: Annotated[
            str | None, typer.Option("--only", help="What it did to this FAQ alone.")
        ] = None,
        author: AuthorName = None,
        store: Store = Path("var"),
        database: DatabaseUrl = None,
    ) -> None:
        """Take a change back, all that it did."""
        from apps.customer_service.knowledge import editing
        from apps.customer_service.knowledge.opening import open_knowledge

        with open_knowledge(store, database) as opened:
            versions = opened.store.versions(change=change)
            if not versions:
                raise UserError(f"there is no change {change}", hint="See: faqs history")
            edits = editing.undo(opened.knowledge, versions, only)
            made = opened.write(edits, _who(author), "undo")
        say(f"Change {made}: change {change} is taken back: {_what(edits)}.")


def _write(
    make: Callable[[Knowledge], list[Edit]],
    kind: Kind,
    author: str | None,
    store: Path,
    database: str | None,
    said: str,
    facts: FactCheck | None = None,
) -> None:
    from apps.customer_service.knowledge.contradiction import agreeing
    from apps.customer_service.knowledge.opening import open_knowledge

    with open_knowledge(store, database) as opened:
        edits = make(opened.knowledge)
        change = opened.write(agreeing(edits, facts), _who(author), kind)
    if change is None:
        say("It is so already: nothing is changed.")
    else:
        waits = "waits as a draft" if len(edits) == 1 else "wait as drafts"
        said = said.replace("{change}", f"Change {change}").replace("{waits}", waits)
        say(said.replace("{what}", _what(edits)))


def _what(edits: list[Edit]) -> str:
    return edits[0].faq_id if len(edits) == 1 else f"{len(edits):,} FAQs"


def _say_left_out(left_out: Sequence[LeftOut]) -> None:
    reasons: dict[str, list[str]] = {}
    for one in left_out:
        reasons.setdefault(one.reason, []).append(one.faq.id)
    for reason, ids in reasons.items():
        more = f" and {len(ids) - MOST_TOLD:,} more" if len(ids) > MOST_TOLD else ""
        say(f"Left out, {reason}: {', '.join(ids[:MOST_TOLD])}{more}")


def _who(author: str | None) -> str:
    return author or getpass.getuser()


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _faq(values: dict[str, Any]) -> Faq:
    """An FAQ of what was given on the command line; what is empty is left out.

    Raises:
        UserError: something is missing, or is not what it should be.
    """
    from pydantic import ValidationError

    from apps.customer_service.schema import Faq

    try:
        return Faq.model_validate({n: v for n, v in values.items() if v not in ("", [""], None)})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "dates"
        raise UserError(f"{name}: {reason_of(first)}") from None


def _read(table: list[Path], mapping: list[str] | None) -> Sequence[Faq]:
    from apps.customer_service.knowledge.tables import read_faqs
    from apps.customer_service.schema import Faq

    return read_faqs(table, parse_mapping(mapping, set(Faq.model_fields)))
