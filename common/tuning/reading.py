"""What a backbone cannot read of the texts that it is to learn from."""

from __future__ import annotations

from collections.abc import Sequence

from common.console import say
from common.models.encoder import Encoder
from common.records.audit import Audit
from common.tuning.processes import is_main_process


def audit_reading(audit: Audit, backbone: Encoder, texts: Sequence[str]) -> Audit:
    """The audit with the tokens that the backbone does not know, which are said, too."""
    unknown = backbone.symbols.unknown(texts)
    if unknown and is_main_process():
        say(unknown.text)
    return audit.beside(unknown)
