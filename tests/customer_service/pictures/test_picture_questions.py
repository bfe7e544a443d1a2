"""A picture as a question: over HTTP, on the page, and on the command line."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from browser import needs_browser, seeing
from sample import Demo, Run
from selenium.webdriver.remote.webdriver import WebDriver
from server import running
from written import picture

from apps.customer_service.pictures.question import question_of
from common.records.pictures.lines import Line

pytest.importorskip("rapidocr", reason="needs the extra `pictures`")
QUESTION = "How do I block my stolen card?"
SECONDS = 60


@pytest.fixture(scope="module")
def address(demo: Demo) -> Iterator[str]:
    with running(demo.store, "--pictures") as found:
        yield found


def read(address: str, content: bytes) -> httpx.Response:
    body = {"picture": base64.b64encode(content).decode()}
    return httpx.post(f"{address}/v1/pictures", json=body, timeout=SECONDS)


def test_its_text_comes_back_with_personal_data_masked(address: str) -> None:
    found = read(address, picture(QUESTION, "4111 1111 1111 1111"))
    assert found.status_code == 200
    assert found.json() == {"text": f"{QUESTION} <card>"}


def test_what_is_personal_is_masked_in_any_spelling() -> None:
    lines = ["我叫陳大文，電話１３８１２３４５６７８", "ann＠example．com"]
    placed = [Line(text, 1.0, 0, 100 * n, 9, 100 * n + 10) for n, text in enumerate(lines)]
    reader: Any = SimpleNamespace(read=lambda _: placed)
    assert question_of(reader, picture("x")) == "我叫<name>,电话<phone>\n<email>"
    placed = [Line("卡丟了，怎麼辦？", 1.0, 0, 0, 9, 9)]
    assert question_of(reader, picture("x")) == "卡丟了，怎麼辦？"


def test_what_cannot_be_read_is_told_and_the_server_goes_on(address: str) -> None:
    for content, said in (
        (b"no picture", "no picture that can be read"),
        (picture(), "no text was found in it"),
        (picture("cut off")[:200], "the picture is damaged"),
    ):
        refused = read(address, content)
        assert refused.status_code == 422
        assert said in refused.json()["detail"]
    assert httpx.post(f"{address}/v1/pictures", json={"picture": "%%%"}).status_code == 422
    huge = read(address, b"\0" * 8_100_000)
    assert huge.status_code == 413
    long = httpx.post(f"{address}/v1/answers", json={"question": "a" * 300_000})
    assert long.status_code == 413, "other bodies stay small"
    assert read(address, picture(QUESTION)).json()["text"] == QUESTION


def test_on_the_command_line(demo: Demo, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "letter.jpg"
    file.write_bytes(picture(QUESTION, kind="JPEG"))
    asked = run("ask", "--picture", file, "--store", demo.store, "--json")
    assert asked.returncode == 0, asked.stderr
    assert f"Read: {QUESTION}" in asked.stderr
    typed = run("ask", QUESTION, "--store", demo.store, "--json")
    assert json.loads(asked.stdout)["answer"] == json.loads(typed.stdout)["answer"]
    for wrong, said in (
        (("--picture", tmp_path / "none.png"), "no such file"),
        (("hello", "--picture", file), "a question and a picture of one"),
    ):
        done = run("ask", *wrong, "--store", demo.store)
        assert done.returncode == 2
        assert said in done.stderr


DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), (one) => one.charCodeAt(0));
const given = new DataTransfer();
given.items.add(new File([bytes], 'shot.png', { type: arguments[1] }));
const event = arguments[2] === 'paste'
  ? new ClipboardEvent('paste', { clipboardData: given, bubbles: true })
  : new DragEvent('drop', { dataTransfer: given, bubbles: true, cancelable: true });
document.body.dispatchEvent(event);
"""


@needs_browser
def test_on_the_page_it_is_pasted_dropped_or_chosen_and_looked_over(
    address: str, driver: WebDriver, tmp_path: Path
) -> None:
    see: Callable[..., Any] = seeing(driver, SECONDS)
    driver.get(address)
    see("#attach")
    written = "return document.getElementById('question').value"

    def drop(content: bytes, way: str, kind: str = "image/png") -> None:
        driver.execute_script(DROP, base64.b64encode(content).decode(), kind, way)

    drop(picture("Hello bank"), "paste")
    see("#hint", "This is what the picture says")
    assert driver.execute_script(written) == "Hello bank"
    drop(b"a,b", "drop", "text/csv")
    see("#hint", "Only pictures can be read here.")
    drop(picture(), "drop")
    see("#hint", "No text could be read")
    file = tmp_path / "shot.png"
    file.write_bytes(picture(QUESTION))
    driver.execute_script("document.getElementById('question').value = ''")
    choice = driver.execute_script("return document.getElementById('picture')")
    choice.send_keys(str(file))
    see("#hint", "This is what the picture says")
    assert driver.execute_script(written) == QUESTION
    assert not driver.find_elements("css selector", ".asked"), "nothing is sent by itself"
    see("#send").click()
    see(".asked", QUESTION)
    see(".reply:not([aria-busy]) .text")


def test_a_server_that_reads_none_says_so_to_its_page(demo: Demo) -> None:
    with running(demo.store) as address:
        assert not httpx.get(f"{address}/v1/examples").json()["reads_pictures"]
        assert read(address, picture(QUESTION)).status_code == 404
