"""Latency and throughput of `/v1/answers` on CPU, beside the bare encoder at the same batch.

python -m benchmarks.serving [--faqs 1000] [--requests 800] [--rerank] [--workers 2]

`--workers`: so many processes behind one port; the bare encoder is one, on as many threads.
`--rerank`: one client alone, and every question is read together with the first five FAQs, which
have answers of some sixty words. The reranker is not trained: its time is the same.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.harness import parser, report, start

CLIENTS = 16
# Beyond what two cores answer within a second, some are refused, and the rest are answered in time.
CROWDS = (16, 64, 256)
CROWD_SECONDS = 15
# Of a long answer.
SENTENCES = 5
CLOSE = "\r\nConnection: close\r\n\r\n"
SAMPLES = Path(__file__).parents[1] / "data_samples" / "customer_service"
HEAD = (
    "POST /v1/answers HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
)
# The figures speak of serving, so an hour of training would teach nothing here.
TRAINING = ["--set", "strategy=head", "--set", "epochs=1", "--backbone", "minilm"]


def main() -> None:
    """Train a release over many FAQs, start the server, ask it; then the bare encoder."""
    arguments = parser("/v1/answers: latency and throughput")
    arguments.add_argument("--faqs", type=int, default=1000)
    arguments.add_argument("--requests", type=int, default=800)
    arguments.add_argument("--rerank", action="store_true", help="with a reranker, one client")
    arguments.add_argument("--workers", type=int, default=1, help="processes that answer")
    chosen = arguments.parse_args()
    start(chosen)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "var"
        asked = train_on(Path(folder), store, chosen.faqs, chosen.data, long=chosen.rerank)
        if chosen.rerank:
            _add_reranker(store)
        texts = [asked[i % len(asked)] for i in range(chosen.requests)]
        with served(store, chosen.workers) as (port, _):
            ask(port, texts[:50])
            single = ask(port, texts[: chosen.requests // 4])
            alone = {
                "FAQs": chosen.faqs,
                "workers": chosen.workers,
                "one client, p50 ms": float(np.percentile(single, 50)),
                "one client, p95 ms": float(np.percentile(single, 95)),
            }
            if chosen.rerank:
                report("serving_rerank", alone)
                return
            crowds = {clients: _crowd(port, texts, clients) for clients in CROWDS}
        bare = _bare_encoder(store, texts)
        together, *_ = crowds[CLIENTS]
    report(
        "serving" if chosen.workers == 1 else "serving_workers",
        alone
        | {
            f"{CLIENTS} clients, answers/s": together,
            f"bare encoder at batch {CLIENTS}, texts/s": bare,
            "ratio": together / bare,
            "crowds: answers/s, refused, p95 ms": {
                str(clients): [round(value, 1) for value in found]
                for clients, found in crowds.items()
            },
        },
    )


def train_on(folder: Path, store: Path, count: int, data: Path, *, long: bool) -> list[str]:
    """FAQs from banking77's training questions, each its own entry; asked are its test ones."""
    import csv

    def read(name: str) -> list[str]:
        with (data / "banking77" / name).open(encoding="utf-8", newline="") as file:
            return [row["text"] for row in csv.DictReader(file)]

    known = list(dict.fromkeys(read("train.csv")))
    rows = [
        {
            "id": f"faq-{n}",
            "question": q,
            "similar_questions": [f"{q} please"],
            "answer": " ".join(known[n : n + SENTENCES]) if long else q,
        }
        for n, q in enumerate(known[:count])
    ]
    faqs = folder / "faqs.jsonl"
    faqs.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [sys.executable, "-m", "apps.customer_service", "train", "--faqs", str(faqs)]
    subprocess.run([*command, *TRAINING, "--store", str(store)], check=True)
    return read("test.csv")


def _add_reranker(store: Path) -> None:
    """Let the same release serve with a reranker over its encoder, which reads every question."""
    from apps.customer_service.answers.rerank_task import RerankModule
    from apps.customer_service.answers.rerank_training import LONGEST_PAIR
    from apps.customer_service.answers.reranking import ALONE, Reranker
    from apps.customer_service.release import load_release, save_release
    from common.models.encoder import save_encoder
    from common.models.pair_scorer import load_pair_scorer
    from common.models.sources.bundled import Source
    from common.releases.registry import Registry
    from common.releases.release import write_release

    registry = Registry(store, "customer_service")
    answerer = load_release(registry.open())
    with tempfile.TemporaryDirectory() as folder:
        save_encoder(answerer.backbone, Path(folder))
        scorer = load_pair_scorer(Source(answerer.backbone.source.name, Path(folder)))
    scorer = replace(scorer, max_length=min(LONGEST_PAIR, scorer.max_length))
    made = Reranker(scorer, RerankModule(scorer.network), 0.01, ALONE, "fp32")
    with_it = replace(answerer, reranker=made)
    written = write_release(registry.releases, lambda to: save_release(with_it, to), {})
    registry.promote(written.release_id)


@contextmanager
def served(store: Path, workers: int = 1) -> Iterator[tuple[int, int]]:
    """Serve a store's release; the port and the id of the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "apps.customer_service", "serve", "--store", str(store)]
    command += ["--port", str(port), "--workers", str(workers)]
    process = subprocess.Popen(command)
    try:
        _wait(port)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


def ask(port: int, texts: Sequence[str]) -> list[float]:
    """Milliseconds of each answer, over one connection.

    Straight over the socket: a client that parses costs the cores that the server is measured on.
    """
    spent = []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for text in texts:
            body = json.dumps({"question": text}).encode()
            head = HEAD.format(port=port, length=len(body)).encode()
            began = time.perf_counter()
            connection.sendall(head + body)
            _read_reply(connection)
            spent.append(1000 * (time.perf_counter() - began))
    return spent


def _read_reply(connection: socket.socket) -> None:
    reply = b""
    while b"\r\n\r\n" not in reply:
        reply += _more(connection)
    head, _, body = reply.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"refused: {reply[:300]!r}")
    length = int(head.lower().partition(b"content-length:")[2].split()[0])
    while len(body) < length:
        body += _more(connection)


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise RuntimeError("the server hung up")
    return received


def _crowd(port: int, texts: Sequence[str], clients: int) -> tuple[float, int, float]:
    """Answers a second, refusals and the 95th percentile in ms, while so many clients ask."""
    end = time.perf_counter() + CROWD_SECONDS
    spent: list[float] = []
    refused = 0

    async def client(number: int) -> None:
        nonlocal refused
        asked = 0
        while time.perf_counter() < end:
            body = json.dumps({"question": texts[(number + asked) % len(texts)]}).encode()
            asked += 1
            began = time.perf_counter()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = HEAD.format(port=port, length=len(body)).replace("\r\n\r\n", CLOSE)
            writer.write(head.encode() + body)
            reply = (await reader.read()).lower()
            writer.close()
            now = time.perf_counter()
            if reply.startswith(b"http/1.1 200") and now < end:
                spent.append(1000 * (now - began))
            elif reply.startswith(b"http/1.1 429"):
                refused += 1
                wait = float(reply.partition(b"retry-after:")[2].split()[0])
                await asyncio.sleep(max(0.0, min(wait, end - now)))

    async def all_of_them() -> None:
        await asyncio.gather(*map(client, range(clients)))

    asyncio.run(all_of_them())
    return len(spent) / CROWD_SECONDS, refused, float(np.percentile(spent, 95))


def _bare_encoder(store: Path, texts: Sequence[str]) -> float:
    """Texts a second through the release's encoder, `CLIENTS` at a time, tokenised and pooled."""
    from apps.customer_service.release import load_release
    from common.models.prediction import predict
    from common.releases.registry import Registry

    answerer = load_release(Registry(store, "customer_service").open())
    batches = [texts[i : i + CLIENTS] for i in range(0, len(texts), CLIENTS)]
    for batch in batches[:5]:
        predict(answerer.module, answerer.backbone, batch)
    began = time.perf_counter()
    for batch in batches:
        predict(answerer.module, answerer.backbone, batch)
    return len(texts) / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
