"""What the sources are: each file is recognised by its form and by what stands in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from apps.customer_service.importing.dialogues import reading as dialogues
from apps.customer_service.importing.dialogues.speakers import Sides
from apps.customer_service.importing.pages.reading import FORMS as PAGES
from apps.customer_service.importing.pages.sitemap import SITEMAP, addresses, addresses_of
from apps.customer_service.importing.schema import Kind, Rejected, Source
from apps.customer_service.schema import Faq
from common.console import progress
from common.errors import UserError
from common.files import check_readable
from common.records.columns import match_columns
from common.records.paths import SUFFIXES

TABLE = "table"


def find_sources(
    paths: Sequence[Path],
    wanted: Kind | None,
    mapping: Mapping[str, str],
    sides: Sides | None = None,
) -> tuple[list[Source], list[Rejected]]:
    """Every file of `paths`, recognised; of folders also what in them is not read, and why.

    Raises:
        UserError: a path is missing; a file that was named is of no known form; nothing is left.
    """
    found: list[Source] = []
    rejected: list[Rejected] = []
    for path in paths:
        if not path.is_dir():
            check_readable(path)
            found.append(recognise(path, wanted, mapping, sides))
            continue
        for one in _of_folder(path, wanted, mapping, sides):
            (found if isinstance(one, Source) else rejected).append(one)  # type: ignore[arg-type]
    if not found:
        where = ", ".join(map(str, paths))
        known = ", ".join(dict.fromkeys([*PAGES, *SUFFIXES]))
        raise UserError("nothing to import", where=where, hint=f"These are read: {known}")
    return found, rejected


def _of_folder(
    folder: Path, wanted: Kind | None, mapping: Mapping[str, str], sides: Sides | None
) -> Iterator[Source | Rejected]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and _counts(path, folder)]
    urls = [url for path in files if path.name == SITEMAP for url in addresses(path)]
    url_of = addresses_of(files, folder, urls)
    with progress(f"Looking at {folder}", len(files)) as advance:
        for path in files:
            advance()
            if path.name == SITEMAP:
                continue
            try:
                check_readable(path)
                source = recognise(path, wanted, mapping, sides)
            except UserError as error:
                yield Rejected(str(path), error.what)
            else:
                yield Source(source.path, source.kind, source.form, url_of.get(path))


def _counts(path: Path, folder: Path) -> bool:
    return not any(part.startswith((".", "~")) for part in path.relative_to(folder).parts)


def recognise(
    path: Path, wanted: Kind | None, mapping: Mapping[str, str], sides: Sides | None = None
) -> Source:
    """What a file holds.

    Args:
        wanted: what it is to be taken for, whatever it looks like.
        mapping: our field → the file's column.
        sides: on which those are who speak, where that was said.

    Raises:
        UserError: it is of no known form, or not of the form that is wanted.
    """
    suffix = path.suffix.lower()
    page = PAGES.get(suffix)
    if wanted is Kind.pages and page:
        return Source(path, Kind.pages, page)
    if wanted is not Kind.faqs and (form := dialogues.recognise(path, mapping, sides)):
        return Source(path, Kind.dialogues, form)
    if wanted is Kind.dialogues:
        form = dialogues.TRANSCRIPT if suffix == ".txt" else dialogues.TURNS_TABLE
        if suffix == ".txt" or suffix in SUFFIXES:
            return Source(path, Kind.dialogues, form)
    if wanted is not Kind.dialogues and suffix in SUFFIXES:
        names = _columns(path)
        if wanted is Kind.faqs or faq_columns(names, mapping).keys() >= {"question", "answer"}:
            return Source(path, Kind.faqs, TABLE)
    if wanted is None and page:
        return Source(path, Kind.pages, page)
    if suffix in SUFFIXES:
        raise UserError(
            "neither FAQs (question, answer) nor dialogues (dialogue_id, speaker, message)",
            where=str(path),
            hint="Name its columns: --map question=COLUMN --map answer=COLUMN",
        )
    raise UserError(
        f"not a format that is read{f' as {wanted}' if wanted else ''}: "
        f"{suffix or 'a file without suffix'}",
        where=str(path),
    )


def _columns(path: Path) -> list[str]:
    head = islice(dialogues.records(path), dialogues.ROWS_LOOKED_AT)
    return list(dict.fromkeys(name for _, row in head if isinstance(row, dict) for name in row))


def faq_columns(columns: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """The column of each field of an FAQ that has one."""
    fields = {name: column for name, column in mapping.items() if name in Faq.model_fields}
    return match_columns(Faq.model_fields, columns, fields)
