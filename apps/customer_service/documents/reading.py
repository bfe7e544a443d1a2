"""A folder of documents → passages; what cannot be read is said, and the rest is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from apps.customer_service.documents.passage import Passage, passages_of
from apps.customer_service.importing.pages.reading import FORMS, read_page
from apps.customer_service.importing.schema import Kind, Source
from common.console import progress, say
from common.errors import UserError
from common.files import check_readable

# A workbook has no sentences to quote.
READ = {suffix: form for suffix, form in FORMS.items() if form != "workbook"}


def read_documents(paths: Sequence[Path]) -> list[Passage]:
    """The passages of every document in some files and folders; says which cannot be read, and why.

    Raises:
        UserError: a path is missing, or there is no passage in any of them.
    """
    passages: list[Passage] = []
    skipped: dict[str, str] = {}
    files = [one for path in paths for one in files_of(path)]
    with progress("Reading documents", len(files)) as advance:
        for path, name in files:
            try:
                passages += read_document(path, name)
            except UserError as error:
                skipped[name] = reason_of(error)
            advance()
    if not passages:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise UserError(
            f"no document to answer from{f' ({reasons})' if reasons else ''}",
            where=", ".join(map(str, paths)),
            hint=f"These are read: {', '.join(READ)}",
        )
    count = len({passage.document for passage in passages})
    say(f"Documents: {count} files, {len(passages)} passages.")
    for name, reason in skipped.items():
        say(f"Not read: {name}: {reason}")
    return passages


def read_document(path: Path, name: str) -> list[Passage]:
    """The passages of one document.

    Raises:
        UserError: it cannot be read, or holds no text.
    """
    form = READ.get(path.suffix.lower())
    if form is None:
        raise UserError(f"not a format that is read: {path.suffix or 'no suffix'}")
    found = passages_of(read_page(Source(path, Kind.pages, form)), name)
    if not found:
        raise UserError("no text")
    return found


def reason_of(error: UserError) -> str:
    """Why a document is not read, in a line."""
    return f"{error.what}. {error.hint}" if error.hint else error.what


def files_of(path: Path) -> Iterator[tuple[Path, str]]:
    """Each file of a folder, or the file itself, with the name that it goes by."""
    if not path.is_dir():
        check_readable(path)
        yield path, path.name
        return
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path)
        if file.is_file() and not any(part.startswith((".", "~")) for part in name.parts):
            yield file, name.as_posix()
