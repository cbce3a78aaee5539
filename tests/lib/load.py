"""An open-loop generator: requests leave at their time, whatever became of those before.

A latency counts from the moment a request was meant to leave, so a stall shows in every request it delays.
"""

import asyncio
import gc
import json
import time
from dataclasses import dataclass

from lib import http
from lib.system import preorder
from lib.wait import PATIENCE

ANSWER_S = 30.0


@dataclass
class Answer:
    """What became of one create; status 0: no answer."""
    number: int
    email: str
    status: int
    latency_ms: float
    preorder_id: str = None


async def _read(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n\r\n")
    response = http.Response(*http.parse_head(head), b"")
    response.body = await reader.readexactly(int(response.header("Content-Length")))
    http.seen("POST", response)
    return response.status, response.body


class _Client:
    """Connections are kept alive and used by whoever needs one next."""

    def __init__(self, address, members):
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.members = members
        self.idle = []
        self.answers = []

    async def exchange(self, request):
        """Status and body; a connection that the server closed while it was idle is no failure."""
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof():
                try:
                    return await self.use(reader, writer, request)
                except (ConnectionError, asyncio.IncompleteReadError):
                    pass  # it closed at this very moment; the key makes asking again safe
            writer.close()
        return await self.use(*await asyncio.open_connection(self.host, self.port), request)

    async def use(self, reader, writer, request):
        writer.write(request)
        answer = await _read(reader)
        self.idle.append((reader, writer))
        return answer

    async def create(self, number, due):
        body = preorder(**self.members(number))
        data = json.dumps(body, ensure_ascii=False).encode()
        head = (f"POST /pre-order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Idempotency-Key: load-{number}\r\nContent-Length: {len(data)}\r\n\r\n")
        status, preorder_id = 0, None
        try:
            async with asyncio.timeout(ANSWER_S * PATIENCE):
                status, answer = await self.exchange(head.encode() + data)
                if status == 201:
                    preorder_id = json.loads(answer)["id"]
        except (OSError, EOFError, TimeoutError):
            pass
        latency_ms = (time.perf_counter() - due) * 1000
        self.answers.append(Answer(number, body["email"], status, latency_ms, preorder_id))

    async def run(self, per_second, count, stop, first=0):
        tasks = set()
        start = time.perf_counter() + 0.05
        for number in range(first, first + count):
            due = start + (number - first) / per_second
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            if stop():
                break
            task = asyncio.create_task(self.create(number, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        if tasks:
            await asyncio.wait(tasks)
        for _, writer in self.idle:
            writer.close()


def one_customer(number):
    return {"email": f"customer{number}@klaviyo-demo.com"}


def create_at_rate(address, per_second, count, members=one_customer, stop=lambda: False, first=0):
    """Sends `count` creates, numbered from `first`; an Answer for each, in the order they came back."""
    client = _Client(address, members)
    gc.collect()
    gc.disable()
    try:
        asyncio.run(client.run(per_second, count, stop, first))
    finally:
        gc.enable()
    return client.answers


def create_again(address, number, members=one_customer):
    """One of them once more, with the key that it had."""
    client = _Client(address, members)
    asyncio.run(client.create(number, time.perf_counter()))
    (answer,) = client.answers
    return answer


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
