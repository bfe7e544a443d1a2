"""Pairs that `import` mined from dialogues → exchanges to learn from, each with its own source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from apps.customer_service.answers.answering import Answerer, Understood
from apps.customer_service.documents.quoting import Documents
from apps.customer_service.generation.support import Gate
from apps.customer_service.importing.writing import PAIRS
from apps.customer_service.replies.measuring import judge
from apps.customer_service.replies.schema import Exchange, Known
from common.console import progress, say
from common.records.fields import Text
from common.records.personal import prepare
from common.records.reader import OnBadRow, Records, read_records
from common.records.text import language_of, normalise

# What a person is to see first is not learned unseen.
NOT_LEARNED = frozenset({"contradiction", "outdated", "suspicious"})
# So many FAQs and passages are tried as what a reply was written from.
TRIED = 5
READ_TOGETHER = 64


class MinedPair(BaseModel):
    """A line of `pairs.jsonl`, as far as it is learned from."""

    model_config = ConfigDict(extra="allow")

    question: Text
    answer: Text
    flags: list[str] = []


def is_mined(path: Path) -> bool:
    """Whether a file is `pairs.jsonl` as `import` writes it, whatever it is called."""
    if path.suffix != Path(PAIRS).suffix or not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        first = next(filter(str.strip, file), "")
    try:
        row = json.loads(first)
    except ValueError:
        return False
    return isinstance(row, dict) and {"question", "answer", "dialogue_ids"} <= row.keys()


class PairReader:
    """Finds what of a release's knowledge each mined answer could have been written from.

    Args:
        known: sources by their ids.
        gate: tells whether a source bears a sentence.
    """

    def __init__(self, answerer: Answerer, known: Known, gate: Gate) -> None:
        self._answerer = answerer
        self._known = known
        self._gate = gate

    def read(
        self, path: Path, on_bad_row: OnBadRow, rejected: Path | None
    ) -> tuple[Records[MinedPair], list[Exchange]]:
        """The pairs of a file, and those of them that are learned; says what is left out.

        Raises:
            UserError: bad rows.
        """
        records = read_records(path, MinedPair, on_bad_row=on_bad_row, rejected_directory=rejected)
        fit = [one for one in records if not NOT_LEARNED & {*one.flags}]
        found = list(self._exchanges(fit))
        say(
            f"{path}: {len(found)} of {len(records)} pairs are learned; {len(records) - len(fit)} "
            f"are flagged, and what {len(fit) - len(found)} say no FAQ or passage bears."
        )
        return records, found

    def _exchanges(self, pairs: list[MinedPair]) -> Iterator[Exchange]:
        questions = [prepare(one.question) for one in pairs]
        with progress("Finding what the pairs go by", len(pairs)) as advance:
            for start in range(0, len(pairs), READ_TOGETHER):
                some = questions[start : start + READ_TOGETHER]
                for place, one in enumerate(self._answerer.understand(some), start):
                    if found := self._exchange(questions[place], pairs[place].answer, one):
                        yield found
                    advance()

    def _exchange(self, question: str, answer: str, understood: Understood) -> Exchange | None:
        """The answer with the first source that bears all of it; None: there is none."""
        said = normalise(answer)
        for name in self._near(question, understood):
            one = Exchange(question, (self._known[name],), said, language_of(said))
            if judge(self._gate, said, one).passed == 1.0:
                return one
        return None

    def _near(self, question: str, understood: Understood) -> list[str]:
        near = [one.faq_id for one in self._answerer.rank(question, understood)[:TRIED]]
        documents = self._answerer.documents
        if isinstance(documents, Documents):
            hits = documents.index.search(
                question, understood.vector, language=language_of(question)
            )
            near += [documents.index.passages[hit.row].id for hit in hits[:TRIED]]
        return [name for name in near if name in self._known]
