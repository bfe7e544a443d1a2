"""Documents that are watched: what changes in them is quoted, what breaks stays as it was."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from apps.customer_service.documents.confidence import calibrate
from apps.customer_service.documents.index import PassageIndex, unprojection_of
from apps.customer_service.documents.passage import Passage
from apps.customer_service.documents.quoting import Documents
from apps.customer_service.documents.reading import (
    files_of,
    read_document,
    read_documents,
    reason_of,
)
from apps.customer_service.documents.release import budget_of
from apps.customer_service.knowledge.serving.live import LiveKnowledge
from apps.customer_service.promise.out_of_scope import foreign_texts
from common.console import say
from common.errors import UserError
from common.serving.learning.periodic import Periodic
from common.serving.settling import Settling, Stamp, stamp

LOOK_SECONDS = 1.0
# A folder that is put in place of another is away for less.
LOOKS_IN_VAIN = 2

logger = logging.getLogger(__name__)


class DocumentWatch:
    """Keeps what a release quotes from as some files and folders have it.

    A page that cannot be read is told once, and its last passages that could be stay; so do those
    of a folder that is gone, or in which no page is left.

    Args:
        live: gives what serves; it is asked after the start.

    Raises:
        UserError: there is nothing to quote from to begin with.
    """

    def __init__(self, live: Callable[[], LiveKnowledge], paths: Sequence[Path]) -> None:
        self._live = live
        self._paths = paths
        self._settling = Settling()
        self._stamps: dict[Path, Stamp] = {}
        self._pages: dict[Path, list[Passage]] = {}
        self._troubles: dict[Path, str] = {}
        self._missing: str | None = None
        self._looks_in_vain = 0
        self._periodic = Periodic("document-watch", self.look, LOOK_SECONDS)
        self.passages: Sequence[Passage] = ()
        say("Reading the documents …")
        self._take(self._files())
        if not self.passages:
            # It says why, and raises.
            self.passages = read_documents(paths)

    @property
    def trouble(self) -> str | None:
        """Which pages are not quoted as they are now, and why."""
        missing = [self._missing] if self._missing else []
        return "; ".join([*missing, *self._troubles.values()]) or None

    def start(self) -> None:
        """Begin to look."""
        self._periodic.start()

    def stop(self) -> None:
        """Look no more."""
        self._periodic.stop()

    def look(self) -> None:
        """Quote from what the files hold, if they have changed."""
        try:
            files = self._files()
            if self._settling.are_to_read([*files]):
                self._take(files)
                self._settling.done()
            self._looks_in_vain = 0
        except (UserError, OSError) as error:
            # Moved away just now: the next look sees what comes in its place, or that nothing does.
            self._settling.forget()
            self._looks_in_vain += 1
            if self._looks_in_vain >= LOOKS_IN_VAIN:
                gone = [root.name for root in self._paths if not root.exists()]
                self._miss(f"{', '.join(gone)}: not there" if gone else _told(error))
        self._serve()

    def _miss(self, what: str | None) -> None:
        """Tell once that there is nothing to quote from; None: there is."""
        told = f"{what}; what was there last is quoted" if what else None
        if told and told != self._missing:
            logger.error("%s", told)
        self._missing = told

    def _files(self) -> dict[Path, str]:
        """Each file with the name that it goes by."""
        return {path: name for root in self._paths for path, name in files_of(root)}

    def _take(self, files: dict[Path, str]) -> None:
        for gone in self._stamps.keys() - files.keys():
            self._stamps.pop(gone)
            self._pages.pop(gone, None)
            self._troubles.pop(gone, None)
        for path, name in files.items():
            if self._stamps.get(path) != (seen := stamp(path)):
                self._read(path, name)
                self._stamps[path] = seen
        passages = [one for path in files for one in self._pages.get(path, [])]
        if passages:
            self.passages = passages
            self._miss(None)
        elif self.passages:
            self._miss(f"{', '.join(root.name for root in self._paths)}: no page is left")

    def _read(self, path: Path, name: str) -> None:
        try:
            self._pages[path] = read_document(path, name)
            self._troubles.pop(path, None)
        except UserError as error:
            kept = "what it said last is quoted" if path in self._pages else "it is not quoted"
            self._troubles[path] = f"{name}: {reason_of(error)}; {kept}"
            logger.error("%s", self._troubles[path])

    def _serve(self) -> None:
        """Let what serves quote from the passages, surely after it does so at all."""
        live = self._live()
        base, reader, passages = live.base, live.reader, self.passages
        known = base.documents if isinstance(base.documents, Documents) else None
        if known is not None and known.index.passages == passages:
            return
        # As sure as one was must mean the same of what is found now.
        unprojection = (
            unprojection_of(base.network.projection) if known is None else known.index.unprojection
        )
        index = PassageIndex.build(passages, reader.vectors, unprojection)
        if known is not None:
            # How sure one must be takes longer to find out, and hardly changes with a page.
            renewed = replace(base, documents=Documents(index, known.confidence))
            if not live.renew(base, renewed):
                return
            base = renewed
        far = foreign_texts({passage.language for passage in passages})
        confidence = calibrate(passages, reader.vectors, far, budget_of(base), unprojection)
        if live.renew(base, replace(base, documents=Documents(index, confidence))):
            logger.info("quoting from %d passages of %d pages", len(passages), len(self._pages))


def _told(error: UserError | OSError) -> str:
    """What keeps the files from being read; without the path, which visitors may see."""
    if isinstance(error, UserError):
        where, reason = error.where, error.what
    else:
        where, reason = error.filename, error.strerror or type(error).__name__
    return f"{Path(where).name}: {reason}" if where else reason
