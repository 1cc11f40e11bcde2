"""The call of a receiver, by real HTTP: what is sent, what counts as taken, and where nothing is sent at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from uuid import UUID

import pytest

from tests.receiver import Receiver, receiving
from vidijob.api.vidispine.translate.payloads import Composer
from vidijob.jobs.deliveries import Call, DeliveryId, Letter, Reply
from vidijob.web.outbound import Outbound, signature
from vidijob.web.webhooks import Webhooks

KEY = UUID("6f1c0c1e-0b8e-4c55-9a3f-2f3f1e0b7c11")
SECRET = "known to both"
LOOPBACK = ("127.0.0.0/8", "::1/128")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver."""
    async with receiving() as receiver:
        yield receiver


async def secret() -> str:
    return SECRET


@asynccontextmanager
async def calling(*networks: str) -> AsyncIterator[Webhooks]:
    outbound = Outbound(secret, [ip_network(network) for network in networks])
    try:
        yield Webhooks(Composer("VX").write, outbound)
    finally:
        await outbound.close()


def letter(
    url: str,
    *,
    method: str = "POST",
    content_type: str | None = None,
    timeout: float = 5,
    fields: Sequence[tuple[str, str]] = (("jobId", "VX-1"), ("ü", "<&\t")),
) -> Letter:
    call = Call(url, method, content_type, timedelta(seconds=timeout), 3)
    return Letter(DeliveryId(1), KEY, 2, 1, call, tuple(fields))


def test_a_signature_that_anybody_can_recompute() -> None:
    # printf '1700000000.<a/>' | openssl dgst -sha256 -hmac 'known to both'
    assert signature(SECRET, "1700000000", b"<a/>") == (
        "sha256=09f5c96ee36cdc9ff4f68dc0ed8430d90bb7720927354cb53129788c4f81825a"
    )


@pytest.mark.parametrize(
    ("content_type", "sent", "body"),
    [
        (None, "application/xml", b"<value>VX-1</value>"),
        ("application/json", "application/json", b'"value":"VX-1"'),
        ("text/plain", "text/plain; charset=utf-8", b"jobId\tVX-1"),
    ],
)
async def test_what_is_sent(receiver: Receiver, content_type: str | None, sent: str, body: bytes) -> None:
    began = int(time.time())
    async with calling(*LOOPBACK) as webhooks:
        url = receiver.url("/a%2Fb?c=d%26").replace("//", "//us%40er:p%40ss@")
        assert await webhooks.deliver(letter(url, method="PUT", content_type=content_type)) == Reply(200)
    (call,) = receiver.received
    assert (call.method, call.path, call.headers["Content-Type"]) == ("PUT", "/a%2Fb?c=d%26", sent)
    assert body in call.body and call.signed_with(SECRET)
    assert (call.delivery, call.headers["Vidijob-Attempt"]) == (str(KEY), "2")
    assert began <= int(call.headers["Vidijob-Timestamp"]) <= time.time()
    assert call.headers["Authorization"] == "Basic dXNAZXI6cEBzcw=="
    assert call.headers["Content-Length"] == str(len(call.body))
    assert "Cookie" not in call.headers


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_what_counts_as_taken(receiver: Receiver, status: int) -> None:
    async def answer() -> int:
        return status

    receiver.behaviours["/"] = answer
    async with calling(*LOOPBACK) as webhooks:
        reply = await webhooks.deliver(letter(receiver.url("/")))
    assert reply == Reply(status) and reply.received


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 410, 429, 500, 503])
async def test_what_does_not(receiver: Receiver, status: int) -> None:
    async def answer() -> int:
        return status

    receiver.behaviours["/"] = answer
    async with calling(*LOOPBACK) as webhooks:
        reply = await webhooks.deliver(letter(receiver.url("/")))
    assert reply == Reply(status, f"The answer was {status}.") and not reply.received
    assert len(receiver.received) == 1, "no redirection is followed"


async def test_no_answer(receiver: Receiver) -> None:
    async def hang() -> int:
        await asyncio.Event().wait()
        return 200

    receiver.behaviours["/"] = hang
    async with calling(*LOOPBACK) as webhooks:
        reply = await webhooks.deliver(letter(receiver.url("/"), timeout=0.2))
        assert reply == Reply(None, "127.0.0.1: no answer within 0.2 s.")
        gone = await webhooks.deliver(letter("http://127.0.0.1:1/"))
        assert gone.status is None and "refused" in (gone.error or "")
        unknown = await webhooks.deliver(letter("http://name.invalid/"))
        assert unknown == Reply(None, "The name name.invalid is not known.")
        no_login = await webhooks.deliver(letter("http://us%3Aer:secret@127.0.0.1:1/"))
        assert no_login.status is None and "secret" not in (no_login.error or "")
        no_tls = await webhooks.deliver(letter(receiver.url("/").replace("http", "https")))
        assert no_tls.status is None and no_tls.error is not None


async def serve(*answers: bytes) -> tuple[asyncio.Server, int]:
    """Answer bytes as they are, one after the other on each connection, then close it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            await reader.readexactly(length)
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def test_a_receiver_that_speaks_nonsense_or_hangs_up() -> None:
    for answer in (
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 999999 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ):
        server, port = await serve(answer)
        async with server, calling(*LOOPBACK) as webhooks:
            reply = await webhooks.deliver(letter(f"http://127.0.0.1:{port}/", timeout=2))
        assert reply.status is None and reply.error is not None, answer


async def test_an_answer_counts_as_soon_as_its_status_is_known() -> None:
    server, port = await serve(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000000\r\n\r\n.")
    async with server, calling(*LOOPBACK) as webhooks:
        assert (await webhooks.deliver(letter(f"http://127.0.0.1:{port}/", timeout=2))).received


async def test_a_connection_that_the_receiver_closed_meanwhile_costs_no_attempt() -> None:
    # It promises to keep the connection, and closes it.
    server, port = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    async with server, calling(*LOOPBACK) as webhooks:
        for _ in range(3):
            assert (await webhooks.deliver(letter(f"http://127.0.0.1:{port}/"))).received


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1"])
async def test_what_is_not_public_is_not_called(receiver: Receiver, host: str) -> None:
    async with calling("10.0.0.0/8") as webhooks:
        reply = await webhooks.deliver(letter(f"http://{host}:{receiver.port}/"))
    assert reply.status is None and receiver.received == []
    if host in ("127.0.0.1", "localhost"):
        assert "webhook_networks" in (reply.error or "")


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "0.0.0.0", "224.0.0.1"])
async def test_some_are_never_called(host: str) -> None:
    async with calling("0.0.0.0/0", "::/0") as webhooks:
        reply = await webhooks.deliver(letter(f"http://{host}/", timeout=2))
    assert reply.status is None and "do not allow" in (reply.error or ""), reply


async def test_the_name_is_judged_by_the_address_that_is_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    answers = iter(["93.184.215.14", "127.0.0.1"])
    genuine = socket.getaddrinfo

    def lie(host: str, port: int, **more: object) -> object:
        # It was public when somebody looked, and is not when it is called.
        if host != "rebinding.example":
            return genuine(host, port)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", lie)
    assert lie("rebinding.example", 80) == [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 80))]
    async with calling() as webhooks:
        reply = await webhooks.deliver(letter(f"http://rebinding.example:{receiver.port}/"))
    assert "do not allow" in (reply.error or "") and receiver.received == []
