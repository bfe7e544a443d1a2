"""News that comes by mail: a folder of an IMAP mailbox, over TLS, read and left as it is.

A message is known by the folder's UIDVALIDITY and its UID (RFC 9051, 2.3.1.1). Where the server
numbers the folder anew, messages since the day before the last one are read again, and those known
by their Message-ID are left out.
"""

from __future__ import annotations

import base64
import imaplib
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import mktime
from typing import Any, Literal

from pydantic import BaseModel, Field

from apps.finance_monitor.feeds.feed import Rejected
from apps.finance_monitor.feeds.lines import reject
from apps.finance_monitor.feeds.sources.fetching import TIMEOUT_SECONDS, Web
from apps.finance_monitor.feeds.sources.source import Answer, Entry, Known, Seconds, Source, whole
from apps.finance_monitor.feeds.sources.syndication import plain
from common.addresses import guarded
from common.errors import UserError
from common.records.fields import content_hash
from common.records.text import fold

PASSWORD = "BIZLM_MAILBOX_PASSWORD"
LARGEST_MESSAGE = 4 * 1024 * 1024
LONGEST_TEXT = 20_000
MESSAGES_TOGETHER = 100
# How many are known again by their Message-ID when a folder is numbered anew.
REMEMBERED = 2000
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SIZE = re.compile(rb"RFC822\.SIZE (\d+)")


class _Cursor(BaseModel):
    """Up to which message a folder was read, and when that one came."""

    validity: int
    uid: int
    arrived: float


class MailboxSource(Source):
    """One folder. The password is in the environment, never in a file."""

    kind: Literal["mailbox"]
    server: str = Field(min_length=1)
    port: int = Field(993, ge=1, le=65535)
    user: str = Field(min_length=1)
    folder: str = Field("INBOX", min_length=1)
    password_variable: str = Field(PASSWORD, description="The variable that holds the password.")
    certificates: Path | None = Field(None, description="A file of authorities to trust, PEM.")
    since: Seconds = Field(24 * 3600.0, gt=0, description="How far back the first reading goes.")

    @property
    def key(self) -> str:
        """User, server and folder."""
        return f"mailbox:{self.user}@{self.server}:{self.port}/{self.folder}"

    @property
    def host(self) -> str:
        """The machine that is asked."""
        return self.server

    def ask(self, known: Known, web: Web, now: float) -> Answer:
        """The messages that came since; `MESSAGES_TOGETHER` at most."""
        try:
            with self._opened() as (box, validity):
                return self._read(box, validity, known, now)
        except imaplib.IMAP4.error as error:
            raise UserError(_words(error)) from None

    @contextmanager
    def _opened(self) -> Iterator[tuple[imaplib.IMAP4_SSL, int]]:
        password = os.environ.get(self.password_variable)
        if not password:
            raise UserError(f"the variable {self.password_variable} holds no password")
        trust = ssl.create_default_context(cafile=self.certificates)
        with guarded():
            box = imaplib.IMAP4_SSL(
                self.server, self.port, ssl_context=trust, timeout=TIMEOUT_SECONDS
            )
        try:
            box.login(self.user, password)
            status, said = box.select(_quoted(self.folder), readonly=True)
            if status != "OK":
                raise UserError(f"no folder {self.folder}: {_words(said[0])}")
            (validity,) = box.response("UIDVALIDITY")[1]
            yield box, int(validity or 0)
        finally:
            try:
                box.logout()
            except (imaplib.IMAP4.error, OSError):
                box.shutdown()

    def _read(self, box: imaplib.IMAP4_SSL, validity: int, known: Known, now: float) -> Answer:
        last = _Cursor.model_validate_json(known.cursor) if known.cursor else None
        if last and last.validity == validity:
            # "n:*" names the last message even where it is before n.
            uids = [uid for uid in _search(box, f"UID {last.uid + 1}:*") if uid > last.uid]
        else:
            begin = last.arrived - 24 * 3600.0 if last else now - self.since
            uids = _search(box, f"SINCE {_day(begin)}")
            # Once these are read, those before them are never asked for.
            newest = int(box.response("UIDNEXT")[1][0] or 1) - 1
            arrived = last.arrived if last else begin
            uid = newest if len(uids) <= MESSAGES_TOGETHER else 0
            last = _Cursor(validity=validity, uid=uid, arrived=arrived)
        entries: list[Entry] = []
        rejected: list[Rejected] = []
        for uid in uids[:MESSAGES_TOGETHER]:
            message = self._message(box, uid)
            if isinstance(message, Rejected):
                rejected.append(message)
            elif message is not None:
                entries.append(message[0])
                last = last.model_copy(update={"arrived": max(last.arrived, message[1])})
            last = last.model_copy(update={"uid": max(uid, last.uid)})
        kept = [*known.seen.items()][-REMEMBERED:]
        return Answer(
            entries,
            cursor=last.model_dump_json(),
            remembered=dict(kept),
            rejected=rejected,
            has_more=len(uids) > MESSAGES_TOGETHER,
        )

    def _message(self, box: Any, uid: int) -> tuple[Entry, float] | Rejected | None:
        """A message and when it came; None: it was deleted meanwhile."""
        place = f"{self.label} {self.folder} UID {uid}"
        try:
            return self._given(box, uid, place)
        except UserError as error:
            return reject(place, error.what, b"")

    def _given(self, box: Any, uid: int, place: str) -> tuple[Entry, float] | Rejected | None:
        found = _fetched(box, uid, "(RFC822.SIZE)")
        size = next((SIZE.search(line) for line in found if isinstance(line, bytes)), None)
        if size is None:
            return None
        if int(size[1]) > LARGEST_MESSAGE:
            return reject(place, f"a message larger than {LARGEST_MESSAGE >> 20} MiB", b"")
        found = _fetched(box, uid, "(INTERNALDATE BODY.PEEK[])")
        content = next((one for one in found if isinstance(one, tuple)), None)
        if content is None:
            return None
        facts = b" ".join([content[0], *(one for one in found if isinstance(one, bytes))])
        arrived = imaplib.Internaldate2tuple(facts)
        try:
            return _entry(content[1], mktime(arrived) if arrived else 0.0)
        except Exception as error:
            # Mail holds whatever its sender made up, and the parser raises what it will.
            return reject(place, f"a message that cannot be read: {error}", content[1])


def _fetched(box: Any, uid: int, what: str) -> list[Any]:
    """What the server says of a message; nothing where it was deleted.

    Raises:
        UserError: it does not give it.
    """
    status, found = box.uid("FETCH", str(uid), what)
    if status != "OK":
        raise UserError(f"the server does not give it: {_words(found[0])}")
    return list(found)


def _entry(content: bytes, arrived: float) -> tuple[Entry, float]:
    message = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(content)
    title, text = whole(" ".join(str(message.get("Subject", "")).split())), whole(_text(message))
    if not title and not text:
        raise ValueError("neither subject nor text")
    identity = whole(str(message.get("Message-ID", "")).strip())
    entry = Entry(
        id=identity or content_hash(str(message.get("Date", "")), title, text),
        title=title,
        summary=text,
        url=None,
        fingerprint=content_hash(fold(title), fold(text)),
        published=_sent(message) or arrived or None,
    )
    return entry, arrived


def _text(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    try:
        content = str(part.get_content())
    except LookupError:
        # A charset that does not exist.
        content = bytes(part.get_payload(decode=True)).decode("utf-8", "replace")
    is_html = part.get_content_subtype() == "html"
    return (plain(content) if is_html else content.strip())[:LONGEST_TEXT]


def _sent(message: EmailMessage) -> float | None:
    """By its Date, where that names a zone."""
    try:
        sent = parsedate_to_datetime(str(message.get("Date", "")))
    except ValueError:
        return None
    return sent.timestamp() if sent.tzinfo else None


def _search(box: imaplib.IMAP4_SSL, criteria: str) -> list[int]:
    status, found = box.uid("SEARCH", criteria)
    if status != "OK":
        raise UserError(f"does not search: {_words(found[0])}")
    return sorted(int(uid) for uid in (found[0] or b"").split())


def _day(seconds: float) -> str:
    """As IMAP writes it, in English whatever this machine speaks."""
    # The server's days begin at its own midnight.
    day = datetime.fromtimestamp(seconds, UTC) - timedelta(days=1)
    return f"{day.day}-{MONTHS[day.month - 1]}-{day.year}"


def _quoted(folder: str) -> str:
    """A folder's name in modified UTF-7 (RFC 3501, 5.1.3), quoted."""

    def encoded(found: re.Match[str]) -> str:
        letters = base64.b64encode(found[0].encode("utf-16-be")).decode().rstrip("=")
        return f"&{letters.replace('/', ',')}-"

    name = re.sub(r"[^\x20-\x7e]+", encoded, folder.replace("&", "&-"))
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _words(said: object) -> str:
    """What a server or imaplib said, as a sentence."""
    text = said.args[0] if isinstance(said, Exception) and said.args else said
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
