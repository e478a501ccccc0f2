"""Dynamic batching: requests that arrive while a batch is computed make up the next one.

A single caller waits for nobody, and many callers share the cost of a batch. The queue is bounded. Items whose caller
has gone are dropped before they are computed, and a running batch is cancelled once all of its callers have gone.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

from im2latex.errors import Im2LatexError
from im2latex.parallel.cancellation import Cancellation

Task = TypeVar("Task")
Result = TypeVar("Result")


class QueueFullError(Im2LatexError):
    """The queue is full, or closed."""


class DynamicBatcher(Generic[Task, Result]):
    """Computes items of many callers in batches, on threads that exist while the context is open."""

    def __init__(
        self,
        function: Callable[[Sequence[Task]], Sequence[Result]],
        *,
        max_batch_size: int,
        max_queue_size: int,
        key: Callable[[Task], Hashable] = lambda _: None,
        num_threads: int = 1,
    ) -> None:
        """Batch calls of `function`.

        Args:
            function: Returns one result per item, in order. With several threads it must be thread-safe.
            max_batch_size: Items in one call of `function`.
            max_queue_size: Items that may wait; more raise `QueueFullError`.
            key: Only items of equal keys share a batch.
            num_threads: Batches that are computed at once.

        """
        self._function = function
        self._max_batch_size = max_batch_size
        self._max_queue_size = max_queue_size
        self._key = key
        self._num_threads = num_threads
        self._queue: deque[tuple[Task, asyncio.Future[Result]]] = deque()
        self._not_empty = asyncio.Event()
        self._is_open = False
        self._running: set[Cancellation] = set()

    async def __aenter__(self) -> "DynamicBatcher[Task, Result]":
        """Start the threads."""
        self._pool = ThreadPoolExecutor(max_workers=self._num_threads)
        self._loops = [asyncio.create_task(self._process_queue()) for _ in range(self._num_threads)]
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Reject new items, cancel those in the queue and in running batches, and join the threads."""
        self._is_open = False
        for loop in self._loops:
            loop.cancel()
        for _, future in self._queue:
            future.cancel()
        for cancellation in self._running:
            cancellation.cancel()
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)

    @property
    def queue_size(self) -> int:
        """Items in the queue, without those of running batches."""
        return len(self._queue)

    async def submit(self, item: Task) -> Result:
        """Return the result for one item; raises `QueueFullError`, and whatever the function raises for the item."""
        if not self._is_open or len(self._queue) >= self._max_queue_size:
            raise QueueFullError(f"{len(self._queue)} other requests are in the queue; try again in a moment")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append((item, future))
        self._not_empty.set()
        return await future

    async def _process_queue(self) -> None:
        while True:
            await self._not_empty.wait()
            batch = self._next_batch()
            if batch:
                await self._compute(batch)
            else:
                self._not_empty.clear()

    def _next_batch(self) -> list[tuple[Task, "asyncio.Future[Result]"]]:
        """Remove the oldest item and others of its key from the queue, in the order of arrival."""
        pending = [entry for entry in self._queue if not entry[1].done()]
        batch = [entry for entry in pending if self._key(entry[0]) == self._key(pending[0][0])][: self._max_batch_size]
        selected = {id(future) for _, future in batch}
        self._queue = deque(entry for entry in pending if id(entry[1]) not in selected)
        return batch

    async def _compute(self, batch: list[tuple[Task, "asyncio.Future[Result]"]]) -> None:
        """Set the result of each item; if the batch fails, compute each item alone, so that only the culprit fails."""
        batch = [entry for entry in batch if not entry[1].done()]
        if not batch:
            return
        cancellation = Cancellation()
        self._running.add(cancellation)

        def cancel_if_all_done(_: "asyncio.Future[Result]") -> None:
            if all(future.done() for _, future in batch):
                cancellation.cancel()

        for _, future in batch:
            future.add_done_callback(cancel_if_all_done)
        call = asyncio.get_running_loop().run_in_executor(
            self._pool, self._call, cancellation, [item for item, _ in batch]
        )
        await asyncio.wait({call})
        self._running.discard(cancellation)
        error = call.exception()
        if error is not None and len(batch) > 1:
            for entry in batch:
                await self._compute([entry])
            return
        for index, (_, future) in enumerate(batch):
            if future.done():
                continue  # its caller has gone
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(call.result()[index])

    def _call(self, cancellation: Cancellation, items: Sequence[Task]) -> Sequence[Result]:
        with cancellation.active():
            return self._function(items)
