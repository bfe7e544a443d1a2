"""What the report of a private release says: what is guaranteed, and figures of public records."""

from __future__ import annotations

from collections.abc import Sequence

from common.evaluation.report import Section
from common.tuning.privacy.budget import Statement


def privacy_sections(
    statement: Statement, public: str, figures: Sequence[Sequence[str]]
) -> list[Section]:
    """The page of a private release, without any text or loss of the records.

    Args:
        public: what was public, in a sentence.
        figures: a table, measured on public records; empty: there were none.
    """
    return [
        Section(
            "What is guaranteed",
            f"(ε, δ)-differential privacy: {statement.text}. With it or without it, no release "
            "becomes more than e^ε times as likely, but for a probability of δ. The number of "
            "records is taken as known, the pretrained model as public. "
            "Of several releases of the same records the budgets add up.",
            [
                ("", ""),
                ("records", f"{statement.records:,}"),
                ("sampling rate of a step", f"{statement.sampling_rate:.4g}"),
                ("steps", f"{statement.steps:,}"),
                ("noise multiplier", f"{statement.noise_multiplier:.3f}"),
                ("largest gradient norm of a record", f"{statement.clipping:g}"),
                ("accountant", statement.accountant.upper()),
            ],
        ),
        Section("What was public", public),
        Section(
            "Figures of public records",
            "" if figures else "There were no public records, so nothing was measured.",
            figures,
        ),
    ]
