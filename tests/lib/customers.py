"""Customers who write down what they asked for and what they were told, on disk, before they go on."""

import asyncio
import json
import os
import random
import threading

from lib.system import preorder


class Customers:
    """A crowd that places preorders on a thread of its own until stop().

    Everybody uses an Idempotency-Key of their own. Who gets no answer asks again with the same key and body, or
    gives up: both happen to real shops.
    """

    def __init__(self, address, path, seed, crowd=24, pause_s=0.03):
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.crowd, self.pause_s = crowd, pause_s
        self.random = random.Random(seed)
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        self.asked = {}     # number: body
        self.answered = {}  # number: [(status, id)], an answer for each time that one came
        self.accepted_count = 0
        self.is_stopping = False
        self.thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)
        self.thread.start()

    def stop(self):
        self.is_stopping = True
        self.thread.join()
        os.close(self.file)

    def _note(self, **entry):
        os.write(self.file, json.dumps(entry).encode() + b"\n")
        os.fdatasync(self.file)

    async def _live(self):
        await asyncio.gather(*(self._customer() for _ in range(self.crowd)))

    async def _customer(self):
        stream = None
        while not self.is_stopping:
            number = len(self.asked)
            body = self.asked[number] = preorder(email=f"customer{number}@klaviyo-demo.com",
                                                 properties={"number": number})
            self._note(asked=number, body=body)
            patience = self.random.choice((0, 0, 50))
            while True:
                answer, stream = await self._ask(stream, number, body)
                if answer:
                    self.answered.setdefault(number, []).append(answer)
                    self._note(answered=number, status=answer[0], id=answer[1])
                    self.accepted_count += answer[0] == 201
                if (answer and answer[0] < 500) or patience == 0 or self.is_stopping:
                    break
                patience -= 1
                await asyncio.sleep(0.05)
            await asyncio.sleep(self.random.uniform(0, 2 * self.pause_s))

    async def _ask(self, stream, number, body):
        """((status, id), stream), or (None, None) if nobody knows."""
        data = json.dumps(body).encode()
        try:
            reader, writer = stream or await asyncio.open_connection(self.host, self.port)
            writer.write(b"POST /pre-order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         b"Idempotency-Key: key-%d\r\nContent-Length: %d\r\n\r\n" % (number, len(data)) + data)
            head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode()
            fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            text = await reader.readexactly(int(fields["content-length"]))
            status = int(head.split()[1])
            kept = (reader, writer) if fields.get("connection") != "close" else None
            return (status, json.loads(text).get("id") if status == 201 else None), kept
        except (OSError, EOFError, TimeoutError):
            return None, None
