"""A Klaviyo that can be down, and that breaks when too much comes at once."""

import asyncio
import threading
import time


class Fragile:
    """Answers 202 after `latency_s`. More than `at_once_max` requests at a time break it: it answers 503 to
    everybody for `broken_s`. While `is_down` it answers 503, too. Remembers what came."""

    def __init__(self, latency_s=0.1, at_once_max=20, broken_s=2.0):
        self.latency_s, self.at_once_max, self.broken_s = latency_s, at_once_max, broken_s
        self.is_down = False
        self.broken_until_s = 0.0
        self.broke_at = []  # when too much came at once
        self.at_once = self.most_at_once = 0
        self.down_at_once = 0  # the most at once since it is down
        self.answers = []  # (arrived at, answered at, status)
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        started.wait()

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024))
        self.address = "127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]
        started.set()
        self.loop.run_forever()

    def close(self):
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def _end(self):
        self.server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def go_down(self):
        self.down_at_once = 0
        self.is_down = True

    def come_back(self):
        self.is_down = False
        return time.time()

    async def _serve(self, reader, writer):
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve_one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        await reader.readexactly(length)
        arrived_s = time.time()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.is_down:
            self.down_at_once = max(self.down_at_once, self.at_once)
        if self.at_once > self.at_once_max:
            self.broke_at.append(arrived_s)
            self.broken_until_s = arrived_s + self.broken_s
        try:
            await asyncio.sleep(self.latency_s)
        finally:
            self.at_once -= 1
        status = 503 if self.is_down or time.time() < self.broken_until_s else 202
        self.answers.append((arrived_s, time.time(), status))
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
        await writer.drain()
        return True
