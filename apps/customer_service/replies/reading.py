"""Files of approved replies → what is learned from, chosen by and measured on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.documents.quoting import Documents
from apps.customer_service.generation.composing import told
from apps.customer_service.replies.pairs import PairReader, is_mined
from apps.customer_service.replies.schema import Exchange, Known, Reply, source_of
from apps.customer_service.schema import SENTENCE_END
from common.console import say
from common.errors import UserError
from common.records.personal import prepare
from common.records.reader import OnBadRow, Records, hashes_by_name, read_records
from common.records.splits import Splits, split
from common.records.text import language_of, normalise

FEWEST = 20
VALIDATION_SHARE = 0.1
TEST_SHARE = 0.2
# Writing one takes a few seconds on a CPU, before and after.
MOST_HELD_OUT = 24


@dataclass(frozen=True)
class Replies:
    """Approved replies, on exactly one side each; files by name with their SHA-256."""

    splits: Splits[Exchange]
    hashes: dict[str, str]

    @property
    def languages(self) -> set[str]:
        """Of all of them."""
        return {one.language for side in vars(self.splits).values() for one in side}

    def only_in(self, languages: Sequence[str]) -> Replies:
        """Without those in a language that a model does not know, which is said.

        Raises:
            UserError: too few are left.
        """
        sides = {
            name: [one for one in side if one.language in languages]
            for name, side in vars(self.splits).items()
        }
        left_out = sum(map(len, vars(self.splits).values())) - sum(map(len, sides.values()))
        if left_out:
            say(f"{left_out} replies are left out: the model knows {', '.join(languages)} alone.")
        check_enough(sum(map(len, sides.values())))
        return replace(self, splits=Splits(**sides))


@dataclass(frozen=True)
class Files:
    """The files a user gave; without `test`, some replies are held out."""

    replies: Sequence[Path]
    test: Sequence[Path] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    on_bad_row: OnBadRow = "fail"
    rejected_directory: Path | None = None


def read_replies(
    files: Files, known: Known, mined: Callable[[], PairReader], *, seed: int = 0
) -> Replies:
    """Read and split them: the same question is on one side alone.

    Args:
        known: sources by their ids.
        mined: opens what reads the pairs of an import; called only where there are any.

    Raises:
        UserError: bad rows, one that names a source that is not known among them, or too few;
            columns are named, and no file has any but an import's own.
    """
    _refuse_mapping(files)
    replies = partial(
        read_records,
        record=Reply,
        mapping=files.mapping,
        on_bad_row=files.on_bad_row,
        rejected_directory=files.rejected_directory,
        context={"sources": known},
    )
    open_pairs = cache(mined)

    def read(path: Path) -> tuple[Records[Any], list[Exchange]]:
        if is_mined(path):
            return open_pairs().read(path, files.on_bad_row, files.rejected_directory)
        records = replies(path)
        return records, [_exchange(one, known) for one in records]

    learned = [read(path) for path in files.replies]
    held_out = [read(path) for path in files.test]
    exchanges = [one for _, some in learned for one in some]
    check_enough(len(exchanges))
    share = 0.0 if held_out else min(TEST_SHARE, MOST_HELD_OUT / len(exchanges))
    splits = split(
        exchanges,
        label=lambda one: one.language,
        text=lambda one: one.question,
        validation=min(VALIDATION_SHARE, MOST_HELD_OUT / len(exchanges)),
        test=share,
        seed=seed,
    )
    if held_out:
        splits = replace(splits, test=[one for _, some in held_out for one in some])
    hashes = hashes_by_name((one.source, one.sha256) for one, _ in [*learned, *held_out])
    return Replies(splits, hashes)


def _refuse_mapping(files: Files) -> None:
    every = [*files.replies, *files.test]
    if files.mapping and all(map(is_mined, every)):
        raise UserError(
            "--map has nothing to name: an import wrote the columns by their own names",
            where=", ".join(map(str, every)),
            hint="Leave it out.",
        )


def check_enough(count: int) -> None:
    """See that there is enough to learn from, and to hold out.

    Raises:
        UserError: there is not.
    """
    if count < FEWEST:
        raise UserError(
            f"{count} approved replies are too few to learn from",
            hint=f"Give at least {FEWEST}; a hundred or more are worth the time.",
        )


def sources_of(answerer: Answerer) -> dict[str, tuple[str, str]]:
    """Title and text of each FAQ and passage that a release answers from, by its id."""
    found = {
        faq.id: (faq.question, told(SENTENCE_END.split(faq.answer)))
        for faq in answerer.faqs.values()
    }
    if isinstance(answerer.documents, Documents):
        for passage in answerer.documents.index.passages:
            found[passage.id] = (passage.heading, told(passage.sentences))
    return found


def _exchange(reply: Reply, known: Known) -> Exchange:
    sources = tuple(source_of(name, known) for name in reply.sources)
    said = normalise(reply.reply)
    return Exchange(prepare(reply.question), sources, said, reply.language or language_of(said))
