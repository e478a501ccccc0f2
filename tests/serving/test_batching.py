import asyncio
import os
import select
import threading
import time
from collections.abc import Sequence

import pytest

from im2latex.parallel import cancellation
from im2latex.serving.batching import DynamicBatcher, QueueFullError


class Doubling:
    """Doubles numbers; waits on request; cannot double 13."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.threads: set[int] = set()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.may_go.wait(10)
        self.threads.add(threading.get_ident())
        self.batches.append(list(items))
        if 13 in items:
            raise ArithmeticError("13")
        return [2 * item for item in items]


async def _submitted(batcher: "DynamicBatcher[int, int]", items: Sequence[int]) -> "list[asyncio.Task[int]]":
    """Tasks that wait in the queue, in this order."""
    tasks = [asyncio.create_task(batcher.submit(item)) for item in items]
    await asyncio.sleep(0.01)
    return tasks


def test_waiting_items_share_batches_and_every_caller_gets_its_result() -> None:
    async def scene() -> None:
        work = Doubling()
        async with DynamicBatcher(work, max_batch_size=4, max_queue_size=100) as batcher:
            work.may_go.clear()
            tasks = await _submitted(batcher, range(20, 30))
            work.may_go.set()
            assert await asyncio.gather(*tasks) == [2 * item for item in range(20, 30)]
        assert work.batches == [[20, 21, 22, 23], [24, 25, 26, 27], [28, 29]]
        assert len(work.threads) == 1

    asyncio.run(scene())


def test_only_items_of_equal_keys_share_a_batch_oldest_first() -> None:
    async def scene() -> None:
        work = Doubling()
        async with DynamicBatcher(work, max_batch_size=10, max_queue_size=100, key=lambda item: item % 2) as batcher:
            work.may_go.clear()
            tasks = await _submitted(batcher, [1, 2, 3, 4, 5])
            work.may_go.set()
            assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10]
        assert work.batches == [[1, 3, 5], [2, 4]]

    asyncio.run(scene())


def test_the_queue_is_bounded() -> None:
    async def scene() -> None:
        work = Doubling()
        async with DynamicBatcher(work, max_batch_size=1, max_queue_size=2) as batcher:
            work.may_go.clear()
            tasks = await _submitted(batcher, [1])
            tasks += await _submitted(batcher, [2, 3])
            with pytest.raises(QueueFullError, match="2 other requests"):
                await batcher.submit(4)
            work.may_go.set()
            assert await asyncio.gather(*tasks) == [2, 4, 6]
            assert await batcher.submit(4) == 8

    asyncio.run(scene())


def test_cancelled_items_in_the_queue_are_not_computed() -> None:
    async def scene() -> None:
        work = Doubling()
        async with DynamicBatcher(work, max_batch_size=1, max_queue_size=10) as batcher:
            work.may_go.clear()
            tasks = await _submitted(batcher, [1, 2, 3])
            tasks[1].cancel()
            await asyncio.sleep(0)
            work.may_go.set()
            assert (await tasks[0], await tasks[2]) == (2, 6)
        assert work.batches == [[1], [3]]

    asyncio.run(scene())


def test_in_a_failing_batch_only_the_culprit_fails() -> None:
    async def scene() -> None:
        work = Doubling()
        async with DynamicBatcher(work, max_batch_size=10, max_queue_size=10) as batcher:
            work.may_go.clear()
            tasks = await _submitted(batcher, [12, 13, 14])
            work.may_go.set()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert (results[0], results[2]) == (24, 28)
            assert isinstance(results[1], ArithmeticError)
            assert await batcher.submit(1) == 2

    asyncio.run(scene())


def test_a_batch_is_cancelled_once_all_its_callers_have_gone() -> None:
    class Endless(Doubling):
        def __call__(self, items: Sequence[int]) -> list[int]:
            self.batches.append(list(items))
            if items[0] < 0:
                source, target = os.pipe()
                try:
                    cancellation.ready(source, select.POLLIN, 60)
                finally:
                    os.close(source)
                    os.close(target)
            return [2 * item for item in items]

    async def scene() -> None:
        work = Endless()
        async with DynamicBatcher(work, max_batch_size=2, max_queue_size=10) as batcher:
            tasks = await _submitted(batcher, [-1])
            tasks += await _submitted(batcher, [-2, -3, 4])
            tasks[0].cancel()
            while len(work.batches) < 2:
                await asyncio.sleep(0.01)
            tasks[1].cancel()
            await asyncio.sleep(0.05)
            assert len(work.batches) == 2, "one of the two still waits"
            tasks[2].cancel()
            assert await tasks[3] == 8

    began = time.monotonic()
    asyncio.run(scene())
    assert time.monotonic() - began < 30


def test_several_threads_work_at_once() -> None:
    async def scene() -> None:
        work = Doubling()
        async with DynamicBatcher(work, max_batch_size=1, max_queue_size=10, num_threads=2) as batcher:
            work.may_go.clear()
            tasks = await _submitted(batcher, [1, 2, 3])
            assert batcher.queue_size == 1, "two are at work"
            work.may_go.set()
            assert await asyncio.gather(*tasks) == [2, 4, 6]
        assert len(work.threads) == 2

    asyncio.run(scene())


def test_closing_cancels_the_batches_of_all_threads() -> None:
    def wait(items: Sequence[int]) -> list[int]:
        while True:
            cancellation.check()
            time.sleep(0.01)

    async def scene() -> None:
        async with DynamicBatcher(wait, max_batch_size=1, max_queue_size=10, num_threads=3) as batcher:
            await _submitted(batcher, [1, 2, 3])

    began = time.monotonic()
    asyncio.run(scene())
    assert time.monotonic() - began < 5


def test_closing_finishes_the_running_batch_and_cancels_the_queue() -> None:
    async def scene() -> None:
        work = Doubling()
        before = threading.active_count()
        async with DynamicBatcher(work, max_batch_size=1, max_queue_size=10) as batcher:
            work.may_go.clear()
            tasks = await _submitted(batcher, [1, 2])
            threading.Timer(0.05, work.may_go.set).start()
        assert tasks[1].cancelled() or tasks[1].cancelling() or not tasks[1].done()
        await asyncio.wait(tasks, timeout=1)
        assert work.batches == [[1]]
        assert tasks[1].cancelled()
        with pytest.raises(QueueFullError):
            await batcher.submit(3)
        assert threading.active_count() <= before + 1  # asyncio's own, for waiting

    asyncio.run(scene())
