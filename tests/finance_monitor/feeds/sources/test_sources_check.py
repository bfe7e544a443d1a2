"""`sources check`, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import run_here
from publishing import Publisher, item


def test_each_source_is_asked_once_and_tells_how_it_does(
    publisher: Publisher, address: str, tmp_path: Path
) -> None:
    publisher.rss("/a", item("1", "First", "Mon, 02 Mar 2026 10:00:00 GMT"), item("2", "Second"))
    publisher.documents["/b"] = lambda _: 503
    file = tmp_path / "sources.toml"
    mailbox = 'kind = "mailbox"\nserver = "localhost"\nuser = "news"\npassword_variable = "NO"'
    feeds = (f'url = "{address}/a"\nname = "A"', f'url = "{address}/b"\nname = "B [x]"')
    text = "".join(f"[[source]]\n{one}\n" for one in (*feeds, mailbox))
    file.write_text(text, encoding="utf-8")
    done = run_here("finance_monitor", "sources", "check", file)
    assert done.returncode == 3
    assert "2 of 3 sources do not answer" in done.stderr
    shown = [" ".join(line.split()) for line in done.stdout.splitlines() if line.strip()][2:]
    assert shown == [
        "A rss 2 2026-03-02 10:00 answers",
        "B [x] rss 0 – answers 503",
        "localhost mailbox 0 – the variable NO holds no password",
    ]
    told = json.loads(run_here("finance_monitor", "sources", "check", file, "--json").stdout)
    assert [one["items"] for one in told["sources"]] == [2, 0, 0]
    assert len(publisher.requests) == 4
