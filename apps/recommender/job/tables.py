"""One user's ranking, and what an audit found, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from apps.recommender.comparison.audit import LeakAudit
from apps.recommender.schema import Interaction, Recommendation

if TYPE_CHECKING:
    from rich.table import Table

LAST_SHOWN = 3


def ranking_table(
    history: Sequence[Interaction], ranking: Sequence[Recommendation], titles: Mapping[str, str]
) -> Table:
    """One user's ranking with its reasons; what they did last stands below."""
    from rich.markup import escape
    from rich.table import Table

    last = history[-1 : -LAST_SHOWN - 1 : -1]
    caption = "; ".join(f"{one.behavior} {titles.get(one.item_id, one.item_id)}" for one in last)
    table = Table(
        show_lines=True,
        caption=escape(f"Last: {caption}") if last else None,
        caption_justify="left",
    )
    table.add_column("")
    table.add_column("item", overflow="fold", ratio=2)
    for name in ("score", "p(click)", "p(buy)"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why", overflow="fold", ratio=3)
    for one in ranking:
        mark = " (new)" if one.cold_item else ""
        table.add_row(
            str(one.rank),
            escape(titles[one.item_id] + mark),
            f"{one.score:.2f}",
            f"{one.p_click:.1%}",
            f"{one.p_purchase:.1%}",
            escape("\n".join(reason.text for reason in one.reasons)),
        )
    return table


def audit_table(found: LeakAudit) -> Table:
    """What was compared, and what changed with the future."""
    from rich.table import Table

    if not found.shuffled:
        verdict = "No events after the cutoff: nothing was tested."
    elif found.is_clean:
        verdict = f"{found.shuffled} later events were shuffled and left out: nothing changed."
    else:
        verdict = f"{found.shuffled} later events were shuffled: the results depend on the future."
    table = Table("", "values", "changed", title=verdict, title_justify="left")
    for name, count in found.compared.items():
        changed = found.changed.get(name, 0)
        table.add_row(name, f"{count:,}", f"{changed:,}", style="red" if changed else None)
    return table
