"""A mailbox for real: dovecot over TLS, with a certificate of its own."""

from __future__ import annotations

import getpass
import imaplib
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from publishing import feed_of

from apps.finance_monitor.feeds.feed import Batch, Rejected
from apps.finance_monitor.feeds.sources.mailbox import PASSWORD, MailboxSource, _quoted
from apps.finance_monitor.feeds.sources.source_feed import SourcesPosition

SERVER = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin")
needs_server = pytest.mark.skipif(not SERVER, reason="needs dovecot-imapd on the path")
WORD = "open-sesame"
FOLDER = "新闻 & more"


class Dovecot:
    """A server with one user, and the folder under test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.certificate = _certificate(folder)
        user = getpass.getuser()
        # Started by root, it wants its own users for what talks to strangers.
        login, internal = ("dovenull", "dovecot") if user == "root" else (user, user)
        mail = folder / "mail"
        mail.mkdir()
        if user == "root":
            shutil.chown(mail, internal, internal)
        self.settings = folder / "dovecot.conf"
        self.settings.write_text(
            f"""
base_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{self.certificate}
ssl_key = <{folder}/key.pem
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {internal}
first_valid_uid = 1
mail_location = maildir:{mail}
passdb {{
  driver = static
  args = password={WORD}
}}
userdb {{
  driver = static
  args = uid={internal} gid={internal} home={mail}
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {self.port}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
""",
            encoding="utf-8",
        )

    def box(self) -> imaplib.IMAP4_SSL:
        """Signed in, as a mail program would be."""
        trust = ssl.create_default_context(cafile=self.certificate)
        found = imaplib.IMAP4_SSL("localhost", self.port, ssl_context=trust, timeout=60)
        found.login("news", WORD)
        return found

    def deliver(self, *messages: EmailMessage | bytes, arrived: datetime | None = None) -> None:
        with self.box() as box:
            for message in messages:
                when = imaplib.Time2Internaldate(arrived or datetime.now(UTC))
                status, said = box.append(_quoted(FOLDER), "", when, bytes(message))
                assert status == "OK", said

    def flags(self) -> bytes:
        with self.box() as box:
            box.select(_quoted(FOLDER), readonly=True)
            return b"".join(box.fetch("1:*", "(FLAGS)")[1])  # type: ignore[arg-type]


def _certificate(folder: Path) -> Path:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    certificate = folder / "certificate.pem"
    command += ["-keyout", str(folder / "key.pem"), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    # Folders of pytest are for their owner alone, and the server has users of its own.
    with TemporaryDirectory(prefix="dovecot") as folder:
        Path(folder).chmod(0o755)
        yield from _running(Dovecot(Path(folder)))


def _running(made: Dovecot) -> Iterator[Dovecot]:
    with subprocess.Popen([str(SERVER), "-F", "-c", str(made.settings)]) as process:
        deadline = time.monotonic() + 60
        while True:
            try:
                made.box().logout()
                break
            except OSError:
                log = made.folder / "log"
                assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
                time.sleep(0.05)
        yield made
        process.terminate()


@pytest.fixture
def dovecot(server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> Dovecot:
    """The server with its folder made anew, which numbers it anew."""
    monkeypatch.setenv(PASSWORD, WORD)
    with server.box() as box:
        box.delete(_quoted(FOLDER))
        assert box.create(_quoted(FOLDER))[0] == "OK"
    return server


def _source(server: Dovecot, **more: object) -> MailboxSource:
    given = {
        "kind": "mailbox", "server": "localhost", "port": server.port, "user": "news",
        "folder": FOLDER, "certificates": server.certificate, "every": 60,
    }  # fmt: skip
    return MailboxSource.model_validate(given | more)


def _message(number: int, subject: str = "", text: str = "Alba closes a branch.") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject or f"News {number}"
    message["From"] = "desk@example.com"
    message["Message-ID"] = f"<{number}@example.com>"
    message["Date"] = datetime.now(UTC) - timedelta(hours=1)
    message.set_content(text)
    return message


def _read(source: MailboxSource, last: Batch | None = None) -> Batch:
    """A process that starts anew, with what the one before committed."""
    kept = last and last.position and last.position.model_dump_json()
    position = SourcesPosition.model_validate_json(kept) if kept else None
    return feed_of([source], position).read_batch(1000, timeout=0.0)


@needs_server
def test_messages_come_once_over_restarts_and_stay_unread(dovecot: Dovecot) -> None:
    html = _message(2, "云岭银行上调利率")
    html.set_content("<p>Rates <b>rise</b> by a quarter</p>", subtype="html")
    both = _message(3)
    both.add_alternative("<p>Not this</p>", subtype="html")
    dovecot.deliver(_message(1), html, both)
    source = _source(dovecot, name="Desk")
    first = _read(source)
    assert [one.content for one in sorted(first.records, key=lambda one: one.id)] == [
        "News 1\nAlba closes a branch.",
        "云岭银行上调利率\nRates rise by a quarter",
        "News 3\nAlba closes a branch.",
    ]
    assert {one.source for one in first.records} == {"Desk"}
    assert _read(source, first).records == []
    dovecot.deliver(_message(4))
    second = _read(source, first)
    assert [one.headline for one in second.records] == ["News 4"]
    assert _read(source, second).records == []
    assert b"\\Seen" not in dovecot.flags()


@needs_server
def test_a_folder_that_is_numbered_anew_tells_nothing_twice(dovecot: Dovecot) -> None:
    dovecot.deliver(*(_message(number) for number in range(3)))
    source = _source(dovecot)
    first = _read(source)
    assert len(first.records) == 3
    with dovecot.box() as box:
        box.delete(_quoted(FOLDER))
        box.create(_quoted(FOLDER))
    dovecot.deliver(*(_message(number) for number in range(1, 5)))
    assert sorted(one.headline for one in _read(source, first).records) == ["News 3", "News 4"]


@needs_server
def test_what_lay_there_before_is_not_news(dovecot: Dovecot) -> None:
    dovecot.deliver(_message(1), arrived=datetime.now(UTC) - timedelta(days=9))
    dovecot.deliver(b"Subject: A broken one\r\nContent-Type: text/plain; charset=none\r\n\r\nWords")
    source = _source(dovecot)
    first = _read(source)
    assert [one.content for one in first.records] == ["A broken one\nWords"]
    dovecot.deliver(_message(2))
    assert [one.headline for one in _read(source, first).records] == ["News 2"]


@needs_server
def test_what_cannot_be_read_is_kept_with_the_reason(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.finance_monitor.feeds.sources.mailbox.LARGEST_MESSAGE", 2000)
    monkeypatch.setattr("apps.finance_monitor.feeds.sources.mailbox.MESSAGES_TOGETHER", 2)
    dovecot.deliver(
        _message(1, text="x" * 3000), b"From: a@example.com\r\n\r\n", *map(_message, range(2, 7))
    )
    feed = feed_of([_source(dovecot)])
    batches = [feed.read_batch(1000, timeout=0.0) for _ in range(4)]
    found = [one.headline for batch in batches for one in batch.records]
    assert found == [f"News {number}" for number in range(2, 7)]
    reasons = sorted(row.reason for batch in batches for row in batch.rejected)
    assert reasons == [
        "a message larger than 0 MiB",
        "a message that cannot be read: neither subject nor text",
    ]


@needs_server
@pytest.mark.parametrize(
    ("more", "password", "message"),
    [
        ({}, "wrong", "AUTHENTICATIONFAILED"),
        ({}, "", "the variable BIZLM_MAILBOX_PASSWORD holds no password"),
        ({"folder": "None"}, WORD, "no folder None"),
        ({"certificates": None}, WORD, "certificate verify failed"),
        ({"port": 1}, WORD, "refused"),
    ],
)
def test_a_mailbox_that_cannot_be_read_says_why(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch,
    more: dict[str, object], password: str, message: str,
) -> None:  # fmt: skip
    monkeypatch.setenv(PASSWORD, password)
    batch = _read(_source(dovecot, **more))
    assert message in str(batch.sources[0].error)


class Refusing:
    """A server that lists a message, and does not give its size, or its content."""

    def __init__(self, refused: str) -> None:
        self._refused = refused

    def uid(self, command: str, uid: str, asked: str) -> tuple[str, list[bytes]]:
        if self._refused in asked:
            return "NO", [b"[UNAVAILABLE] try later"]
        return "OK", [b"1 (UID 7 RFC822.SIZE 10)"]


@pytest.mark.parametrize("refused", ["SIZE", "BODY"])
def test_what_the_server_does_not_give_is_told_and_not_taken_for_deleted(refused: str) -> None:
    source = MailboxSource(kind="mailbox", server="imap.example", user="news")
    found = source._message(Refusing(refused), 7)
    assert isinstance(found, Rejected)
    assert found.reason == "the server does not give it: [UNAVAILABLE] try later"


def test_names_of_folders_are_written_as_the_protocol_wants_them() -> None:
    assert _quoted('a "b" & c') == r'"a \"b\" &- c"'
    # The example of RFC 3501, 5.1.3.
    assert _quoted("~peter/mail/台北/日本語") == '"~peter/mail/&U,BTFw-/&ZeVnLIqe-"'
