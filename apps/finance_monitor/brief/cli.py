"""`brief`: the day on one page."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from apps.finance_monitor.alerts.cli import open_store
from apps.finance_monitor.options_cli import Entities, MonitorDatabase, Notify, Watchlists
from common.cli import AllowAddress, Json, Store, new_app, print_json
from common.console import say
from common.errors import Exit, UserError

verbs = new_app("The day on one page.")


class Language(StrEnum):
    """What a brief is written in."""

    en = "en"
    zh = "zh"


@verbs.command()
def brief(
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.")],
    day: Annotated[
        str | None, typer.Option("--day", help="Like 2026-11-25; default: of the latest story.")
    ] = None,
    timezone: Annotated[str, typer.Option(help="Whose day: like Asia/Shanghai.")] = "UTC",
    language: Annotated[Language, typer.Option(help="en or zh.")] = Language.en,
    watchlists: Watchlists = None,
    watchlist: Annotated[
        str | None, typer.Option("--watchlist", help="The alerts and stories of this list alone.")
    ] = None,
    entities: Entities = None,
    send: Annotated[
        bool,
        typer.Option(
            "--send", help="Send it: all of it to --notify, and to each watchlist its own."
        ),
    ] = False,
    notify: Notify = None,
    allow_address: AllowAddress = None,
    database: MonitorDatabase = None,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Write the brief of a day: alerts, topics that moved, worst and best, silent sources."""
    from apps.finance_monitor.brief.day import Day, brief_of, last_day
    from apps.finance_monitor.brief.page import to_html
    from apps.finance_monitor.brief.sending import for_people
    from apps.finance_monitor.stories.companies import read_entities
    from apps.finance_monitor.watchlists.reading import read_watchlists
    from apps.finance_monitor.watchlists.watchlist import named
    from common.files import write_atomically

    if out.is_dir():
        raise UserError("a directory, not a file", where=str(out), hint="Like brief.html in it.")
    zone = _zone(timezone)
    asked = Day(_date(day), zone) if day else None
    listed = read_entities(entities) if entities else None
    lists = read_watchlists(watchlists, listed) if watchlists else []
    only = named(lists, watchlist) if watchlist else None
    addresses = [*(notify or ()), *(address for one in lists for address in one.notify)]
    if send and not for_people(addresses):
        raise UserError(
            "--send: to nobody",
            hint="Give --notify, or a watchlist with `notify`: an address as apprise writes it.",
        )
    opened = open_store(store, database)
    chosen = asked or last_day(opened, zone)
    if chosen is None:
        raise UserError("no story was read yet", hint="Start `watch` with this --store.")
    made = brief_of(opened, chosen, lists, only)
    if not made.stories:
        say(f"Nothing was read of {chosen.date}.")
    write_atomically(out, to_html(made, language.value))
    failed = _send(opened, chosen, lists, made, out, language.value, notify or ()) if send else []
    if as_json:
        print_json(made.model_dump(mode="json") | {"out": str(out), "not_sent": failed})
    else:
        say(f"{out}: {len(made.alerts)} alerts, {made.stories} stories.")
    if failed:
        for name in failed:
            say(f"{name}: not sent")
        raise typer.Exit(Exit.REFUSED)


def _send(
    store: Any, day: Any, lists: Any, made: Any, out: Path, language: Any, notify: Any
) -> list[str]:
    """All of it to `notify`, and to the receivers of each list its own."""
    from tempfile import TemporaryDirectory

    from apps.finance_monitor.brief.day import brief_of
    from apps.finance_monitor.brief.page import to_html, to_text
    from apps.finance_monitor.brief.sending import for_people, send

    failed = send(for_people(notify), *to_text(made, language), out)
    for one in lists:
        addresses = for_people(one.notify)
        if not addresses:
            continue
        own = brief_of(store, day, lists, one)
        with TemporaryDirectory() as folder:
            page = Path(folder) / f"{day.date}.html"
            page.write_text(to_html(own, language), encoding="utf-8")
            failed += send(addresses, *to_text(own, language), page)
    return failed


def _date(given: str) -> Any:
    from datetime import date

    try:
        found = date.fromisoformat(given)
        # Of other years there is no day before, or none after.
        if not 1970 <= found.year < date.max.year:
            raise ValueError
        return found
    except ValueError:
        raise UserError(f"--day: no date: {given!r}", hint="Write it like 2026-11-25.") from None


def _zone(name: str) -> Any:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise UserError(
            f"--timezone: there is no such zone: {name}", hint="Write it like Asia/Shanghai."
        ) from None
