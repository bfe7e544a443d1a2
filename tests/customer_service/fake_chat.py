"""A server that keeps the HTTP contract of the chat, and knows its lines."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from browser import SECONDS_TO_APPEAR
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from apps.customer_service.server import WEB
from common.serving.page import add_page

POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
KEY = "right-key"
RELEASE = "2026-11-23T0915-3fa2c1"

LOST_EN = "What should I do if my card is lost or stolen?"
LOST_ZH = "银行卡丢了怎么挂失？"
FREEZE_EN = "Freeze the card straight away in the app under Cards > Freeze card."
FREEZE_ZH = "请马上在手机银行「我的—银行卡—挂失」里操作，挂失即时生效。"
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
TIMINGS = {"queue": 1.2, "encode": 21.4, "search": 3.1, "total": 25.7}
EXAMPLES = {
    "en": [LOST_EN, "How do I activate my new card?", "Why was my transfer refused?", "Fees?"],
    "zh": [LOST_ZH, "新卡收到后怎么激活？", "转账为什么被退回？", "年费多少？"],
}


def reply(decision: str, **members: Any) -> dict[str, Any]:
    base = {
        "id": "5f0c2d9e41b74c0a",
        "release_id": RELEASE,
        "decision": decision,
        "answer": None,
        "confidence": 0.92,
        "intent": {
            "name": "card_lost_stolen",
            "confidence": 0.871,
            "alternatives": [{"name": "card_arrival", "confidence": 0.06}],
        },
        "citations": [],
        "suggestions": [],
        "handoff": None,
        "timings_ms": TIMINGS,
    }
    return base | members


def cite(faq_id: str, question: str, score: float, url: str | None = None) -> dict[str, Any]:
    return {"faq_id": faq_id, "question": question, "score": score, "url": url}


def suggest(faq_id: str, question: str, answer: str) -> dict[str, Any]:
    return {"faq_id": faq_id, "question": question, "answer": answer}


FOUND = suggest("found", "I found my lost card again. Can I still use it?", "Unfreeze it.")
ABROAD = suggest("abroad", "Can I use my card abroad?", "Yes, in every country.\n\nNo fee.")
LINES: dict[str, dict[str, Any]] = {
    "I lost my card": reply(
        "answer",
        answer=FREEZE_EN,
        citations=[
            cite("lost", LOST_EN, 0.91, "https://help.bank.example/cards/lost"),
            cite("found", FOUND["question"], 0.44),
        ],
        suggestions=[FOUND],
    ),
    "卡丢了怎么办": reply(
        "answer",
        answer=FREEZE_ZH,
        confidence=0.88,
        citations=[cite("zh-lost", LOST_ZH, 0.9, "https://help.bank.example/zh/lost")],
    ),
    "What is the weather?": reply(
        "handoff",
        confidence=0.03,
        intent={"name": "out_of_scope", "confidence": 0.97, "alternatives": []},
        citations=[cite("abroad", ABROAD["question"], 0.1)],
        handoff={"reason": "out_of_scope"},
    ),
    "My thing is broken": reply(
        "handoff",
        confidence=0.21,
        citations=[cite("found", FOUND["question"], 0.3)],
        suggestions=[FOUND],
        handoff={"reason": "not_sure", "message": "Call 0808 157 0140."},
    ),
    "card": reply(
        "clarify",
        confidence=0.41,
        citations=[
            cite("found", FOUND["question"], 0.5, "https://help.bank.example/cards/found"),
            cite("abroad", ABROAD["question"], 0.48),
        ],
        suggestions=[FOUND, ABROAD],
    ),
    "Only intents here": reply("answer"),
    "rent and hours": reply(
        "answer",
        answer="Rent is £145. Come at nine.",
        confidence=0.8,
        citations=[cite("rent", "What is the rent?", 0.8)],
        sentences=[
            {
                "text": "Rent is £145.",
                "source": {"kind": "faq", "id": "rent", "title": "What is the rent?"},
            },
            {
                "text": "Come at nine.",
                "source": {
                    "kind": "passage",
                    "id": "p",
                    "title": f"Boxes > {HOSTILE}",
                    "document": "boxes.pdf",
                    "page": 2,
                    "url": "https://help.bank.example/boxes",
                },
            },
        ],
        composed_by="compose",
    ),
    HOSTILE: reply(
        "answer",
        answer=f"Answer {HOSTILE}",
        citations=[cite("x", f"Source {HOSTILE}", 0.9, "javascript:document.title='owned'")],
        suggestions=[suggest("y", f"Near {HOSTILE}", HOSTILE)],
        intent={"name": HOSTILE, "confidence": 0.5, "alternatives": []},
    ),
    "long": reply(
        "answer",
        answer="\n".join(["A" * 400, "كيف حالك اليوم " * 40, "字" * 3000]),
        citations=[cite("l", "Q" * 300, 0.9, "https://help.bank.example/" + "p" * 300)],
        suggestions=[suggest("m", "N" * 300, "n")],
    ),
}
LINES["card\nabroad"] = LINES["card"]


def problem(status: int, detail: str, **headers: str) -> Response:
    content = {"title": "Problem", "status": status, "detail": detail}
    return JSONResponse(content, status, headers=headers, media_type="application/problem+json")


@dataclass
class Fake:
    """The server under the page: its address, what it was asked, how it misbehaves."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    # Answers the next questions in place of the usual reply, one each.
    troubles: list[Response] = field(default_factory=list)
    needs_key: bool = False
    cuts_off: bool = False

    def reset(self) -> None:
        self.asked.clear()
        self.troubles.clear()
        self.needs_key = self.cuts_off = False


def events(found: dict[str, Any], fake: Fake) -> Iterator[str]:
    def event(name: str, data: dict[str, Any]) -> str:
        return f"event: {name}\r\ndata: {json.dumps(data, ensure_ascii=False)}\r\n\r\n"

    yield event("start", found | {"answer": None})
    yield ": still here\r\n\r\n"
    text = found["answer"] or ""
    for begin in range(0, len(text), 20):
        yield event("delta", {"text": text[begin : begin + 20]})
    if fake.cuts_off:
        return
    # In two pieces: a browser gets no promise that an event arrives whole.
    done = event("done", found)
    yield done[:50]
    yield done[50:]


def refused(request: Request, fake: Fake) -> Response | None:
    if not fake.needs_key or request.headers.get("authorization") == f"Bearer {KEY}":
        return None
    return problem(401, "Send a valid API key.")


async def never_ending() -> AsyncIterator[str]:
    yield 'event: delta\ndata: {"text": "Wait for it"}\n\n'
    await asyncio.sleep(SECONDS_TO_APPEAR)


async def respond(request: Request, fake: Fake) -> Response:
    body = await request.json()
    fake.asked.append(body)
    if fake.troubles:
        return fake.troubles.pop(0)
    if body["question"] == "never ending":
        return StreamingResponse(never_ending(), media_type="text/event-stream")
    found = LINES.get(body["question"], LINES["I lost my card"])
    return StreamingResponse(events(found, fake), media_type="text/event-stream")


def build(fake: Fake) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def policy(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    @app.post("/v1/answers")
    async def answers(request: Request) -> Response:
        return refused(request, fake) or await respond(request, fake)

    @app.get("/v1/examples")
    async def examples(request: Request, language: str) -> Response:
        found = {"examples": EXAMPLES[language], "release_id": RELEASE}
        return refused(request, fake) or JSONResponse(found)

    add_page(app, WEB)
    return app


@contextmanager
def serving_lines() -> Iterator[Fake]:
    """The server, until the `with` block ends."""
    fake = Fake()
    config = uvicorn.Config(build(fake), port=0, log_level="error", lifespan="off")
    running = uvicorn.Server(config)
    ready = threading.Event()

    async def main() -> None:
        serving = asyncio.create_task(running.serve())
        while not running.started:
            await asyncio.sleep(0.01)
        fake.url = f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}/"
        ready.set()
        await serving

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    assert ready.wait(SECONDS_TO_APPEAR)
    yield fake
    running.should_exit = running.force_exit = True
    thread.join()
