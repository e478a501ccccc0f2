"""Work of many callers on a few threads, in batches: what arrives while batches are computed makes up the next ones.

So a single caller waits for nobody, and many share the cost of a batch. The queue is bounded; the work of a caller
that has given up is dropped before it is begun, and a batch at work is cancelled where all its callers have.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

from im2latex.errors import Im2LatexError
from im2latex.parallel.cancellation import Cancellation

Item = TypeVar("Item")
Result = TypeVar("Result")


class BusyError(Im2LatexError):
    """The queue is full, or closed."""


class Batcher(Generic[Item, Result]):
    """Calls `work` with at most `most` items of one kind, on `threads` that live as long as the context is open."""

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        most: int,
        waiting: int,
        kind: Callable[[Item], Hashable] = lambda _: None,
        threads: int = 1,
    ) -> None:
        """`work` gives one result an item, in order; at most `waiting` items queue; only equal kinds are joined.

        With several `threads`, `work` is called by several at once.
        """
        self._work = work
        self._most = most
        self._room = waiting
        self._kind = kind
        self._threads = threads
        self._queue: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._filled = asyncio.Event()
        self._open = False
        self._at_work: set[Cancellation] = set()

    async def __aenter__(self) -> "Batcher[Item, Result]":
        """Start the threads."""
        self._pool = ThreadPoolExecutor(max_workers=self._threads)
        self._loops = [asyncio.create_task(self._serve()) for _ in range(self._threads)]
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take nothing more, give up those that wait, cancel the batches at work and wait for their end."""
        self._open = False
        for loop in self._loops:
            loop.cancel()
        for _, future in self._queue:
            future.cancel()
        for cancellation in self._at_work:
            cancellation.cancel()
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)

    @property
    def waiting(self) -> int:
        """Items in the queue, not those at work."""
        return len(self._queue)

    async def do(self, item: Item) -> Result:
        """The result for one item; raises `BusyError`, and whatever the work raises for it."""
        if not self._open or len(self._queue) >= self._room:
            raise BusyError(f"{len(self._queue)} others are waiting; try again in a moment")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append((item, future))
        self._filled.set()
        return await future

    async def _serve(self) -> None:
        while True:
            await self._filled.wait()
            batch = self._next_batch()
            if batch:
                await self._compute(batch)
            else:
                self._filled.clear()

    def _next_batch(self) -> list[tuple[Item, "asyncio.Future[Result]"]]:
        """The oldest item and those of its kind, in the order they came."""
        living = [entry for entry in self._queue if not entry[1].done()]
        batch = [entry for entry in living if self._kind(entry[0]) == self._kind(living[0][0])][: self._most]
        chosen = {id(future) for _, future in batch}
        self._queue = deque(entry for entry in living if id(entry[1]) not in chosen)
        return batch

    async def _compute(self, batch: list[tuple[Item, "asyncio.Future[Result]"]]) -> None:
        """Give each its result; of a batch that fails, each is tried alone, so that only the culprit fails."""
        batch = [entry for entry in batch if not entry[1].done()]
        if not batch:
            return
        cancellation = Cancellation()
        self._at_work.add(cancellation)

        def cancel_if_unwanted(_: "asyncio.Future[Result]") -> None:
            if all(future.done() for _, future in batch):
                cancellation.cancel()

        for _, future in batch:
            future.add_done_callback(cancel_if_unwanted)
        done = asyncio.get_running_loop().run_in_executor(
            self._pool, self._call, cancellation, [item for item, _ in batch]
        )
        await asyncio.wait({done})
        self._at_work.discard(cancellation)
        error = done.exception()
        if error is not None and len(batch) > 1:
            for entry in batch:
                await self._compute([entry])
            return
        for place, (_, future) in enumerate(batch):
            if future.done():
                continue  # its caller has gone
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(done.result()[place])

    def _call(self, cancellation: Cancellation, items: Sequence[Item]) -> Sequence[Result]:
        with cancellation.active():
            return self._work(items)
