"""A file that is the truth: its changes become live, its mistakes change nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from apps.customer_service.knowledge.conflict import ConflictError
from apps.customer_service.knowledge.contradiction import (
    ContradictionError,
    FactCheck,
    agreeing,
)
from apps.customer_service.knowledge.editing import replace_all
from apps.customer_service.knowledge.schema import Edit, Knowledge
from apps.customer_service.knowledge.serving.live import LiveKnowledge
from apps.customer_service.knowledge.tables import read_faqs
from common.errors import UserError
from common.files import check_readable, file_sha256
from common.records.paths import tables_of
from common.serving.learning.periodic import Periodic
from common.serving.settling import Settling
from common.storage.database import DATABASE_TROUBLE

LOOK_SECONDS = 1.0
AUTHOR = "file"
# The tag of an FAQ that is served whatever the facts say.
DESPITE_FACTS = "despite-facts"

logger = logging.getLogger(__name__)


class FileWatch:
    """Keeps the live knowledge as a table, or a folder of tables, has it.

    A file is read once it has stayed as it is from one look to the next, so that one that is
    still being written is not.

    Args:
        path: of the table or the folder.
        mapping: our field → the file's column.
        facts: what an FAQ must not contradict, unless `despite-facts` is among its tags.
    """

    def __init__(
        self,
        live: LiveKnowledge,
        path: Path,
        mapping: Mapping[str, str] | None = None,
        facts: FactCheck | None = None,
    ) -> None:
        self.path = path
        self._live = live
        self._mapping = mapping
        self._facts = facts
        self._settling = Settling()
        self._hashes: tuple[str, ...] = ()
        self._release_id = live.release_id
        self._trouble: str | None = None
        self._periodic = Periodic("file-watch", self.look, LOOK_SECONDS)

    @property
    def trouble(self) -> str | None:
        """Why the file as it is now is not served, without the folders of this machine."""
        return self._trouble

    def start(self) -> None:
        """Serve what the file holds now, and go on looking."""
        # The first look sees the file, the second reads it.
        self.look()
        self.look()
        self._periodic.start()

    def stop(self) -> None:
        """Look no more."""
        self._periodic.stop()

    def look(self) -> None:
        """Serve what the file holds, if it or the release has changed."""
        if self._release_id != self._live.release_id:
            # Another one may hold what is not in the file.
            self._release_id, self._hashes = self._live.release_id, ()
            self._settling.again()
        try:
            if not self._settling.are_to_read(self._tables()):
                return
            self._take()
            self._settling.done()
            self._say(None)
        except ConflictError:
            # Somebody else was quicker: the next look sees what they wrote.
            return
        except UserError as error:
            self._settling.done()
            self._say(str(error))
        except OSError as error:
            # It may be opened again at any time, and looks the same then.
            self._say(str(error))
        except DATABASE_TROUBLE:
            self._say("the database does not answer")

    def _tables(self) -> list[Path]:
        try:
            return _tables(self.path)
        except (UserError, OSError):
            self._settling.forget()
            raise

    def _take(self) -> None:
        paths = _tables(self.path)
        hashes = tuple(file_sha256(path) for path in paths)
        if hashes == self._hashes:
            return
        faqs = read_faqs(paths, self._mapping)

        def replace(now: Knowledge) -> Sequence[Edit]:
            edits = replace_all(now, faqs)
            self._check([one for one in edits if not _is_insisted_on(one)])
            return edits

        change, edits = self._live.write(replace, author=AUTHOR, kind="file")
        self._hashes = hashes
        if edits:
            logger.info("%s: change %d of %d FAQs is live", self.path, change, len(edits))

    def _check(self, edits: Sequence[Edit]) -> None:
        try:
            agreeing(edits, self._facts)
        except ContradictionError as error:
            hint = f"Mend the FAQ or the fact; or write {DESPITE_FACTS} among its tags."
            raise UserError(f"this contradicts the facts: {error.what}", hint=hint) from None

    def _say(self, trouble: str | None) -> None:
        if trouble is not None:
            trouble = trouble.replace(f"{self.path.parent}/", "")
        if trouble and trouble != self._trouble:
            logger.error("the knowledge stays as it was: %s", trouble)
        self._trouble = trouble


def _is_insisted_on(edit: Edit) -> bool:
    live = edit.after.live
    return live is not None and DESPITE_FACTS in live.tags


def _tables(path: Path) -> list[Path]:
    if path.is_dir():
        return tables_of(path)
    check_readable(path)
    return [path]
