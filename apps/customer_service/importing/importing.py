"""Sources → a directory of FAQs, pairs and what was rejected."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from apps.customer_service.importing.dialogues.naming import UnknownNamesError
from apps.customer_service.importing.dialogues.reading import read_dialogues
from apps.customer_service.importing.dialogues.speakers import Sides
from apps.customer_service.importing.mining.mine import mine
from apps.customer_service.importing.pages.reading import read_page
from apps.customer_service.importing.pages.sections import read_sections
from apps.customer_service.importing.schema import (
    Dialogue,
    Imported,
    Kind,
    Pair,
    Rejected,
    Source,
)
from apps.customer_service.importing.sources import find_sources
from apps.customer_service.importing.tables import read_faqs
from apps.customer_service.importing.writing import write
from apps.customer_service.knowledge.schema import Mined, Proposed
from apps.customer_service.schema import IMPORTED, Faq
from common.console import progress, say
from common.errors import UserError
from common.files import exclusive_lock
from common.records.spoken.language import language_of_both
from common.records.text import language_of

WORK = ".work"
# More would crowd the FAQ; the rest goes to `questions.csv`.
MOST_SIMILAR = 8
LANGUAGES = ("en", "zh")


def run_import(
    sources: Sequence[Path],
    out: Path,
    *,
    wanted: Kind | None = None,
    mapping: Mapping[str, str] | None = None,
    backbone: str = "auto",
    device: str = "auto",
    min_dialogues: int = 1,
    agents: Sequence[str] = (),
) -> tuple[Imported, list[Path]]:
    """Read the sources and write what they hold to `out`, a new directory.

    After an interruption the same call goes on: vectors that were computed are kept in
    `out/.work`, which is gone at the end.

    Args:
        wanted: what the sources are, where it is not to be recognised.
        mapping: our field → the file's column.
        min_dialogues: in which a mined pair must have come up.
        agents: names of those who answer, in dialogues that go by names.

    Raises:
        UserError: a source cannot be read, or `out` holds something else.
    """
    work = out / WORK
    check_free(out)
    with exclusive_lock(work / "lock"):
        try:
            found, dialogues = read_sources(sources, wanted, mapping or {}, agents)
            found.pairs, rejected = mine(dialogues, work, backbone, device, min_dialogues)
        except UserError:
            _leave(work)
            raise
        found.rejected += rejected
        _add_pairs(found)
        written = write(found, out)
        shutil.rmtree(work)
    return found, written


def check_free(out: Path) -> None:
    """See that `out` is new, or an import that was interrupted.

    Raises:
        UserError: it is a file, or a directory that holds something else.
    """
    if out.is_file():
        raise UserError("a file, not a directory", where=str(out))
    if out.is_dir() and any(out.iterdir()) and not (out / WORK).is_dir():
        raise UserError(
            "this directory is not empty", where=str(out), hint="Name a new one for the import."
        )


def _leave(work: Path) -> None:
    """Leave no trace of an import that found nothing to do, so that it may be called again."""
    if not any(path.name != "lock" for path in work.iterdir()):
        shutil.rmtree(work)
        if not any(work.parent.iterdir()):
            work.parent.rmdir()


def read_sources(
    paths: Sequence[Path],
    wanted: Kind | None,
    mapping: Mapping[str, str],
    agents: Sequence[str] = (),
) -> tuple[Imported, list[Dialogue]]:
    """The FAQs that pages and tables state, in their order, and the dialogues to be mined.

    Raises:
        UserError: the only source cannot be read, or nobody has the name of one of the agents.
    """
    sides = Sides(agents)
    sources, rejected = find_sources(paths, wanted, mapping, sides)
    found = Imported(rejected=rejected)
    _announce(sources)
    faqs: dict[str, Faq] = {}
    for one in _stated(sources, mapping, found):
        _add(one, faqs, found)
    found.faqs = list(faqs.values())
    dialogues = list(_dialogues(sources, mapping, sides, found))
    sides.check()
    return found, dialogues


def _add_pairs(found: Imported) -> None:
    """Make FAQs of the mined pairs, but for what a page or a table has answered already."""
    faqs = {faq.id: faq for faq in found.faqs}
    for pair in found.pairs:
        faq = _as_faq(pair)
        if faq.id not in faqs:
            found.questions += [
                {"question": text, "faq_id": faq.id, "language": language_of(text)}
                for text in pair.wordings[MOST_SIMILAR:]
            ]
        _add(faq, faqs, found)
    found.faqs = list(faqs.values())


def _announce(sources: Sequence[Source]) -> None:
    for kind in Kind:
        forms: dict[str, list[Path]] = {}
        for source in sources:
            if source.kind is kind:
                forms.setdefault(source.form, []).append(source.path)
        for form, paths in forms.items():
            where = str(paths[0]) if len(paths) == 1 else f"{len(paths)} files"
            say(f"{where}: {kind}, {form}")


def _stated(
    sources: Sequence[Source], mapping: Mapping[str, str], found: Imported
) -> Iterator[Faq | Rejected]:
    """FAQs of pages and tables."""
    stated = [source for source in sources if source.kind is not Kind.dialogues]
    with progress("Reading pages", len(stated)) as advance:
        for source in stated:
            if source.kind is Kind.faqs:
                for one in read_faqs(source, mapping):
                    found.read["rows"] += 1
                    yield one
            else:
                found.read["pages"] += 1
                try:
                    yield from read_sections(read_page(source))
                except UserError as error:
                    # One page of many that cannot be read is no reason to read none.
                    if len(sources) == 1:
                        raise
                    yield Rejected(str(source.path), error.what)
            advance()


def _dialogues(
    sources: Sequence[Source], mapping: Mapping[str, str], sides: Sides, found: Imported
) -> Iterator[Dialogue]:
    for source in sources:
        if source.kind is not Kind.dialogues:
            continue
        try:
            for one in read_dialogues(source, mapping, sides):
                if isinstance(one, Rejected):
                    found.rejected.append(one)
                else:
                    found.read["dialogues"] += 1
                    yield one
        except UnknownNamesError as error:
            if len(sources) == 1:
                raise
            say(f"{error.where}: {error.what}. {error.hint}")
            found.rejected.append(Rejected(str(source.path), error.what))


def _add(one: Faq | Rejected, faqs: dict[str, Faq], found: Imported) -> None:
    if isinstance(one, Rejected):
        found.rejected.append(one)
    elif one.id in faqs:
        if faqs[one.id].answer != one.answer:
            reason = f"there is an FAQ {one.id!r} already, with another answer"
            found.rejected.append(Rejected(one.id, reason, f"{one.question}\n{one.answer}"))
    else:
        faqs[one.id] = one


def _as_faq(pair: Pair) -> Proposed:
    language = language_of_both(pair.question, pair.answer)
    return Proposed(
        question=pair.question,
        similar_questions=pair.wordings[:MOST_SIMILAR],
        answer=pair.answer,
        language=language,
        tags=[IMPORTED, *pair.flags],
        mined=Mined(
            score=pair.score,
            dialogues=len(pair.dialogue_ids),
            agreeing=pair.agreeing,
            thanked=pair.thanked,
            doubted=pair.doubted,
            asked_again=pair.asked_again,
            other_answers=pair.other_answers,
        ),
    )
