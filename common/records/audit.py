"""What is wrong with labelled texts before a model learns it: duplicates, conflicts, leaks."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from common.errors import UserError
from common.records.text import fold, language_of, normalise

if TYPE_CHECKING:
    from rich.table import Table

Severity = Literal["error", "warning", "note"]

ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}
EXAMPLES_SHOWN = 5
LONG_TEXT = 2000
FEW_EXAMPLES = 3
# Above these shares a finding is no slip of the hand: it bends what is learned or measured.
CONFLICTS_TOLERATED = 0.05
LEAKS_TOLERATED = 0.01


@dataclass(frozen=True)
class Sample:
    """One labelled text and where it stands."""

    text: str
    label: str | None
    place: str


@dataclass(frozen=True)
class Finding:
    """One kind of trouble: how often, and where for example."""

    severity: Severity
    code: str
    message: str
    count: int
    examples: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All of it in a line."""
        shown = f", for example {'; '.join(self.examples)}" if self.examples else ""
        return f"{self.severity.capitalize()}: {self.message}: {self.count:,}{shown}"


@dataclass(frozen=True)
class Audit:
    """All findings, errors first."""

    findings: list[Finding]

    def beside(self, finding: Finding | None) -> Audit:
        """With one more finding, if there is one, behind those that are as grave."""
        if finding is None:
            return self
        return Audit(sorted([*self.findings, finding], key=lambda one: ORDER[one.severity]))

    def table(self) -> Table:
        """The findings as a table for the terminal."""
        from rich.markup import escape
        from rich.table import Table

        colours = {"error": "red", "warning": "yellow", "note": "dim"}
        table = Table("", "finding", "count", "for example", title="Audit", title_justify="left")
        for finding in self.findings:
            mark = f"[{colours[finding.severity]}]{finding.severity}[/]"
            examples = escape("\n".join(finding.examples))
            table.add_row(mark, finding.message, str(finding.count), examples)
        return table

    def raise_on_errors(self) -> None:
        """Raise UserError if any finding is an error."""
        errors = [finding for finding in self.findings if finding.severity == "error"]
        if errors:
            lines = (f"{e.message} ({e.count}): {'; '.join(e.examples)}" for e in errors)
            raise UserError("the audit failed:\n  " + "\n  ".join(lines))

    def to_json(self) -> list[dict[str, Any]]:
        """The findings as plain values."""
        return [asdict(finding) for finding in self.findings]


def audit(
    train: Sequence[Sample], held_out: Sequence[Sample] = (), names: Iterable[str] = ()
) -> Audit:
    """Look through the texts to learn from and those kept apart to measure with.

    Args:
        names: of labels that the texts have beside those of the samples.
    """
    labels = {s.label for s in (*train, *held_out) if s.label is not None}
    findings = [
        *_labels(train),
        *_alike(labels.union(names)),
        *_conflicts(train),
        *_leaks(train, held_out),
        *_duplicates(train),
        *_lengths([*train, *held_out]),
        *_languages(train),
    ]
    return Audit(sorted(findings, key=lambda finding: ORDER[finding.severity]))


def _by_text(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[fold(sample.text)].append(sample)
    return groups


def _labels(samples: Sequence[Sample]) -> list[Finding]:
    counts = Counter(sample.label for sample in samples if sample.label is not None)
    if len(counts) == 1:
        (label,) = counts
        return [Finding("error", "one_label", f"one label only: {label!r}", counts[label])]
    rare = sorted(label for label, count in counts.items() if count < FEW_EXAMPLES)
    if not rare:
        return []
    message = f"labels with fewer than {FEW_EXAMPLES} examples"
    return [Finding("warning", "rare_label", message, len(rare), rare[:EXAMPLES_SHOWN])]


def _alike(labels: Iterable[str]) -> list[Finding]:
    """Labels that a slip of the hand may have made of one."""
    spellings: dict[str, list[str]] = defaultdict(list)
    for label in sorted(labels):
        spellings[re.sub(r"[\s_-]+", " ", normalise(label).casefold())].append(label)
    found = [" / ".join(map(repr, names)) for names in spellings.values() if len(names) > 1]
    if not found:
        return []
    message = "labels that differ in case, spaces, - and _ alone, learned as different ones"
    return [Finding("warning", "alike_labels", message, len(found), found[:EXAMPLES_SHOWN])]


def _conflicts(samples: Sequence[Sample]) -> list[Finding]:
    groups = _by_text(samples)
    found = [group for group in groups.values() if len({s.label for s in group if s.label}) > 1]
    if not found:
        return []
    examples = [
        f"{group[0].text!r}: " + ", ".join(f"{s.label} ({s.place})" for s in group[:3])
        for group in found[:EXAMPLES_SHOWN]
    ]
    severity: Severity = "error" if len(found) > CONFLICTS_TOLERATED * len(groups) else "warning"
    return [Finding(severity, "conflict", "the same text under two labels", len(found), examples)]


def _leaks(train: Sequence[Sample], held_out: Sequence[Sample]) -> list[Finding]:
    known = _by_text(train)
    leaks = [sample for sample in held_out if fold(sample.text) in known]
    if not leaks:
        return []
    examples = [f"{s.place}: also {known[fold(s.text)][0].place}" for s in leaks[:EXAMPLES_SHOWN]]
    severity: Severity = "error" if len(leaks) > LEAKS_TOLERATED * len(held_out) else "warning"
    return [Finding(severity, "leak", "test texts that are also in train", len(leaks), examples)]


def _duplicates(samples: Sequence[Sample]) -> list[Finding]:
    groups = [group for group in _by_text(samples).values() if len(group) > 1]
    if not groups:
        return []
    examples = [", ".join(s.place for s in group[:3]) for group in groups[:EXAMPLES_SHOWN]]
    extra = sum(len(group) - 1 for group in groups)
    return [Finding("note", "duplicate", "duplicate texts", extra, examples)]


def _lengths(samples: Sequence[Sample]) -> list[Finding]:
    blank = [sample.place for sample in samples if not fold(sample.text)]
    long = [sample.place for sample in samples if len(sample.text) > LONG_TEXT]
    findings = []
    if blank:
        message = "texts without a letter or digit"
        findings.append(Finding("warning", "blank", message, len(blank), blank[:EXAMPLES_SHOWN]))
    if long:
        message = f"texts over {LONG_TEXT} characters, cut off when read"
        findings.append(Finding("warning", "long", message, len(long), long[:EXAMPLES_SHOWN]))
    return findings


def _languages(samples: Sequence[Sample]) -> list[Finding]:
    counts = Counter(language_of(sample.text) for sample in samples)
    shares = [f"{name} {count}" for name, count in counts.most_common()]
    return [Finding("note", "languages", "languages", len(counts), [", ".join(shares)])]
