"""What people do to knowledge, as edits of it; nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apps.customer_service.knowledge.conflict import ConflictError
from apps.customer_service.knowledge.schema import (
    LONGEST_ID,
    Edit,
    Edited,
    Entry,
    Knowledge,
    Standing,
    Version,
)
from apps.customer_service.schema import LONGEST_ANSWER, LONGEST_QUESTION, Faq
from common.errors import UserError
from common.records.fields import content_hash
from common.records.personal import prepare
from common.records.spoken.language import language_of_both
from common.records.text import fold

# Of an id that is too long.
SHOWN = 40


def add(knowledge: Knowledge, faqs: Sequence[Faq], *, draft: bool) -> list[Edit]:
    """New FAQs, or with `draft` what waits to become one.

    Raises:
        UserError: one is there already, appears twice, or is too long.
    """
    edits: dict[str, Edit] = {}
    for faq in faqs:
        entry = _checked(faq)
        found = knowledge.get(entry.id)
        is_there = found is not None and found.standing != Standing()
        if is_there or entry.id in edits:
            raise UserError(
                f"id: there is an FAQ {entry.id!r} already",
                hint="To change it: faqs edit, or PUT /v1/faqs/{id}. To take from a table what is "
                "new: faqs add --from FILE --skip-existing.",
            )
        after = Standing(draft=entry) if draft else Standing(live=_decided(entry))
        edits[entry.id] = _edit(entry.id, found, after)
    _check_translations(knowledge, faqs)
    return list(edits.values())


def change(
    knowledge: Knowledge, faq_id: str, faq: Faq, *, draft: bool, version: int | None = None
) -> list[Edit]:
    """Another text of an FAQ; with `draft` the old one is served until the new one is published.

    A draft that waits is replaced. Customers' wordings stay.

    Args:
        version: of the change that the editor saw last; None: whatever there is.

    Raises:
        ConflictError: it was changed since.
        UserError: there is no such FAQ, or it is too long.
    """
    found = _seen(knowledge, faq_id, version)
    standing = found.standing
    was = standing.live or standing.draft
    heard = was.heard if was else []
    mined = standing.draft.mined if standing.draft else None
    if faq.id != faq_id:
        raise UserError("id: an FAQ keeps its id", hint="Add it anew, and remove the old one.")
    entry = _checked(faq).model_copy(update={"heard": heard, "mined": mined})
    _check_translations(knowledge, [faq])
    # What nobody has published yet stays a draft.
    is_draft = draft or standing.live is None
    after = (
        Standing(live=standing.live, draft=entry) if is_draft else Standing(live=_decided(entry))
    )
    return [] if after == standing else [_edit(faq_id, found, after)]


def latest(knowledge: Knowledge, faq_id: str, version: int | None = None) -> Entry:
    """What an editor goes on from: the draft, or what is served.

    Raises:
        ConflictError: it was changed since `version`.
        UserError: there is no such FAQ, or it is removed.
    """
    standing = _seen(knowledge, faq_id, version).standing
    entry = standing.draft or standing.live
    if entry is None:
        raise UserError(f"FAQ {faq_id!r} is removed", hint="To have it back: faqs undo CHANGE")
    return entry


def remove(knowledge: Knowledge, faq_id: str, version: int | None = None) -> list[Edit]:
    """Serve an FAQ no more, nor its draft.

    Raises:
        ConflictError: it was changed since.
        UserError: there is no such FAQ.
    """
    found = _seen(knowledge, faq_id, version)
    return [] if found.standing == Standing() else [_edit(faq_id, found, Standing())]


def publish(knowledge: Knowledge, faq_ids: Mapping[str, int | None]) -> list[Edit]:
    """Let drafts be served, with the customers' wordings of what was served until now.

    Args:
        faq_ids: the version of each that was seen last; None: whatever there is.

    Raises:
        ConflictError: one was changed since.
        UserError: there is no such FAQ, or it has no draft.
    """
    found = {i: _drafted(knowledge, i, version) for i, version in faq_ids.items()}
    return [_edit(i, one, Standing(live=_published(one.standing))) for i, one in found.items()]


def reject(knowledge: Knowledge, faq_ids: Mapping[str, int | None]) -> list[Edit]:
    """Drop drafts; what was served before goes on.

    Raises:
        ConflictError: one was changed since.
        UserError: there is no such FAQ, or it has no draft.
    """
    found = {i: _drafted(knowledge, i, version) for i, version in faq_ids.items()}
    return [_edit(i, one, Standing(live=one.standing.live)) for i, one in found.items()]


def undo(
    knowledge: Knowledge, versions: Sequence[Version], faq_id: str | None = None
) -> list[Edit]:
    """What one change did, back to how it stood before.

    Args:
        versions: the rows of that change.
        faq_id: of one FAQ alone, as of one draft of an import; None: of all. A correction is taken
            back whole, for it gave a wording to one FAQ that it took from another.

    Raises:
        ConflictError: one of its FAQs was changed again since.
        UserError: the change was about other FAQs.
    """
    wanted = [one for one in versions if one.kind == "correct" or faq_id in {None, one.faq_id}]
    if not wanted:
        raise UserError(f"change {versions[0].change} was not about FAQ {faq_id!r}")
    edits = []
    for version in wanted:
        found = knowledge.edited[version.faq_id]
        if found.last is not None and found.last.change != version.change:
            raise ConflictError(found.last)
        edits.append(_edit(version.faq_id, found, version.before or Standing()))
    return edits


def correct(knowledge: Knowledge, text: str, faq_id: str | None, answer: str | None) -> list[Edit]:
    """What somebody trusted says is right: a wording more of an FAQ, or an FAQ of its own.

    The wording is no other FAQ's any more.

    Args:
        text: what was asked, prepared.
        faq_id: the FAQ that answers it; None where `answer` does.
    """
    target = faq_id or content_hash(answer)
    found = knowledge.get(target)
    live = found.standing.live if found else None
    if live is None and answer is None:
        return []
    edits = []
    if live is None:
        written = {"id": target, "question": text, "answer": answer, "heard": [text]}
        entry = Entry(**written, language=language_of_both(text, answer or ""))
        edits.append(_served(target, found, entry))
    elif fold(text) not in {fold(one) for one in (*live.variants, *live.heard)}:
        entry = live.model_copy(update={"heard": [*live.heard, text]})
        edits.append(_served(target, found, entry))
    for other_id, other in knowledge.edited.items():
        says = other.standing.live
        if other_id == target or says is None:
            continue
        kept = [one for one in says.heard if fold(one) != fold(text)]
        if kept != says.heard:
            edits.append(_served(other_id, other, says.model_copy(update={"heard": kept})))
    return edits


def replace_all(knowledge: Knowledge, faqs: Sequence[Faq]) -> list[Edit]:
    """What differs from the FAQs of a file that is the truth: changed, new, and gone from it.

    Customers' wordings stay, and so do FAQs that a correction wrote.

    Raises:
        UserError: one is too long, or a translation of none.
    """
    wanted = {faq.id: _checked(faq) for faq in faqs}
    _check_translations(Knowledge(), faqs)
    edits = []
    for faq_id, written in wanted.items():
        found = knowledge.get(faq_id)
        live = found.standing.live if found else None
        entry = _decided(written, live)
        if live != entry:
            edits.append(_served(faq_id, found, entry))
    for faq_id, found in knowledge.all.items():
        live = found.standing.live
        if faq_id not in wanted and live is not None and live.question not in live.heard:
            edits.append(_edit(faq_id, found, Standing(draft=found.standing.draft)))
    return edits


def _edit(faq_id: str, found: Edited | None, after: Standing) -> Edit:
    if found is None:
        return Edit(faq_id, 0, None, after)
    return Edit(faq_id, found.version, found.standing, after)


def _served(faq_id: str, found: Edited | None, entry: Entry) -> Edit:
    """Another text served, whatever draft waits."""
    draft = found.standing.draft if found else None
    return _edit(faq_id, found, Standing(live=entry, draft=draft))


def _published(standing: Standing) -> Entry | None:
    live, draft = standing.live, standing.draft
    # What was corrected since the draft was written stands in what is served alone.
    return draft and _decided(draft, live or draft)


def _decided(entry: Entry, said: Entry | None = None) -> Entry:
    """An entry that is served: its evidence stands in the history.

    Args:
        said: whose customers' wordings it has.
    """
    return entry.model_copy(update={"heard": said.heard if said else entry.heard, "mined": None})


def _seen(knowledge: Knowledge, faq_id: str, version: int | None) -> Edited:
    found = knowledge.get(faq_id)
    if found is None:
        raise UserError(f"there is no FAQ {faq_id!r}", hint="See: faqs list")
    if version is not None and version != found.version and found.last is not None:
        raise ConflictError(found.last)
    return found


def _drafted(knowledge: Knowledge, faq_id: str, version: int | None) -> Edited:
    found = _seen(knowledge, faq_id, version)
    if found.standing.draft is None:
        raise UserError(f"FAQ {faq_id!r} has no draft", hint="See: faqs list --state draft")
    return found


def _checked(faq: Faq) -> Entry:
    """An entry that can be served.

    Raises:
        UserError: its id or one of its texts is too long, or holds nothing to find it by.
    """
    lengths = [("id", faq.id, LONGEST_ID), ("answer", faq.answer, LONGEST_ANSWER)]
    lengths += [("question", text, LONGEST_QUESTION) for text in faq.variants]
    for name, text, longest in lengths:
        if len(text) > longest:
            raise UserError(
                f"{faq.id[:SHOWN]}: {name}: {len(text):,} characters; the most is {longest:,}"
            )
    if not any(prepare(text) for text in faq.variants):
        raise UserError(f"{faq.id[:SHOWN]}: question: nothing in it can be read")
    entry = Entry.of(faq)
    # As `train` reads it, so that what a release learned is no edit any more.
    language = faq.language or language_of_both(faq.question, faq.answer)
    return entry.model_copy(update={"language": language})


def _check_translations(knowledge: Knowledge, faqs: Sequence[Faq]) -> None:
    known = {*knowledge.all, *(faq.id for faq in faqs)}
    for faq in faqs:
        if faq.translation_of is not None and faq.translation_of not in known:
            raise UserError(f"translation_of: there is no FAQ {faq.translation_of!r}", where=faq.id)
