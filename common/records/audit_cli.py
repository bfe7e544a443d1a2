"""What the verb `validate` of the applications ends with."""

from __future__ import annotations

from collections.abc import Mapping

from common.cli import print_json
from common.console import results, show_table
from common.records.audit import Audit


def show_audit(audit: Audit, counts: Mapping[str, int], *, as_json: bool) -> None:
    """Show what was found in the files, and how much of what is in them.

    Raises:
        UserError: something was found with which nothing is trained.
    """
    if as_json:
        print_json({"counts": counts, "findings": audit.to_json()})
    else:
        show_table(audit.table())
        results().print(", ".join(f"{name}: {count}" for name, count in counts.items()))
    audit.raise_on_errors()
