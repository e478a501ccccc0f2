"""Client of the sandboxed process that decodes untrusted images, for datasets, predictions and the server.

>>> decode_image(Path("image.png").read_bytes()).shape
(60, 400)

Every untrusted file is decoded in a worker process (`decoder_worker`, with the functions of `decode`) that reads only
files of the system, has no network, and has limits on memory, and on CPU time for each file. Where the kernel offers no
sandbox, the limits still apply. A file that ends the worker is refused like any other that cannot be decoded. A process
has as many workers as it uses at the same time; each starts at its first request and ends with the process.
"""

import json
import signal
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from im2latex.errors import ImageError, ToolError
from im2latex.images.decode import DecodeLimits
from im2latex.images.decoder_worker import ANSWER, COUNT_PAGES, HEADER, READY
from im2latex.sandbox.python_worker import Deadline, PythonWorker, WorkerError, WorkerStalledError

DecodedImage = NDArray[np.uint8]
"""(H, W) where the image is grey, (H, W, 3) in colour, (H, W, 4) where parts are transparent."""
Answer = DecodedImage | ImageError | int
"""Pixels, a refusal, or a number of pages."""

IMAGES = DecodeLimits()
PAGES = DecodeLimits(seconds=10)
_MEMORY_MB = 2048
_MAX_TEXT_BYTES = 1 << 12
_BATCH_SIZE, _BATCH_BYTES = 64, 4_000_000
"""Limits of one request: the number of its files, and their bytes in total."""
_REMEDY = "`python -m im2latex.images.decoder_worker 0 1 < /dev/null` says why"
_ANSWER_SECONDS = 60.0
"""Wall-clock time without an answer: far more than the CPU time that a file may take."""


class DecoderStoppedError(ToolError):
    """Another thread stopped the decoder while it worked."""


class ImageDecoder:
    """Client of a worker process, which it replaces after its end. Serves one thread at a time (`borrow_decoder`)."""

    def __init__(self) -> None:
        self._worker: PythonWorker | None = None
        self._ready = False
        self._pending = 0
        self._document: bytes | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start the process without waiting for it, so that it is ready at the first request."""
        self._running_worker()

    def decode(self, data: bytes, limits: DecodeLimits = IMAGES) -> DecodedImage:
        """Decode an image file.

        Raises `ImageError`: not_an_image, too_many_pixels, too_complex, animated; `ToolError` without a worker.
        """
        return _one(self._answers([data], limits, None))

    def decode_all(
        self, images: Iterable[bytes | ImageError], limits: DecodeLimits = IMAGES
    ) -> Iterator[DecodedImage | ImageError]:
        """Decode many image files, in order, with an error in place of each that is refused.

        An `ImageError` in place of a file is passed on, so that files can be read while others are decoded.
        """
        for batch in _batches(images):
            files = [one for one in batch if isinstance(one, bytes)]
            with closing(self._answers(files, limits, None)) as answers:
                for one in batch:
                    found = one if isinstance(one, ImageError) else next(answers)
                    assert not isinstance(found, int)
                    yield found

    def count_pages(self, pdf: bytes) -> int:
        """The number of pages of a PDF; raises `ImageError` not_an_image."""
        (found,) = self._answers([pdf], PAGES, COUNT_PAGES)
        if isinstance(found, ImageError):
            raise found
        return int(found)

    def draw_page(self, pdf: bytes, number: int, limits: DecodeLimits = PAGES) -> DecodedImage:
        """Page `number` (from 1) as pixels (H, W, 3); raises `ImageError`: not_an_image, no_such_page, ..."""
        return _one(self._answers([pdf], limits, number))

    def stop(self) -> None:
        """Kill the worker, from any thread: the call that waits for it raises `DecoderStoppedError`."""
        self._stopped.set()
        worker = self._worker
        if worker is not None:
            worker.kill()

    def reset(self) -> None:
        """Allow requests again after `stop`."""
        self._stopped.clear()

    def _answers(self, files: Sequence[bytes], limits: DecodeLimits, page: int | None) -> Generator[Answer, None, None]:
        """The answer for each file; a file is sent once more where the worker ended for an unknown reason."""
        index, retried = 0, False
        while index < len(files):
            try:
                self._send(files[index:], limits, page)
                while index < len(files):
                    answer = self._receive(limits)
                    index, retried = index + 1, False
                    yield answer
            except WorkerStalledError:
                self._end()
                raise ToolError(
                    f"an image was not decoded within {_ANSWER_SECONDS:g} s; run the same command again when the "
                    "machine is less busy"
                ) from None
            except WorkerError:
                ready = self._ready
                ended = self._end()
                if self._stopped.is_set():
                    raise DecoderStoppedError("the decoder was stopped") from None
                if not ready:
                    raise ToolError(f"the decoder of images does not start ({_status(ended)}); {_REMEDY}") from None
                if ended != -signal.SIGPROF and not retried:
                    retried = True  # a signal from outside may have killed it, and not the file
                    continue
                index, retried = index + 1, False
                yield _refusal(ended)

    def _send(self, files: Sequence[bytes], limits: DecodeLimits, page: int | None) -> None:
        worker = self._running_worker()
        if not self._ready:
            worker.receive(len(READY), _deadline(worker))
            self._ready = True
        sizes = [None if file is self._document else len(file) for file in files]
        self._document = files[0] if page is not None else None
        request = json.dumps({"sizes": sizes, "limits": asdict(limits), "page": page}).encode()
        sent = [file for file, size in zip(files, sizes, strict=True) if size is not None]
        self._pending = len(sizes)
        worker.send(b"".join((HEADER.pack(len(request)), request, *sent)), _deadline(worker))

    def _receive(self, limits: DecodeLimits) -> Answer:
        """The next answer; the worker is killed after an answer that does not fit the protocol."""
        worker = self._worker
        assert worker is not None
        deadline = _deadline(worker)
        length, height, width, channels = ANSWER.unpack(worker.receive(ANSWER.size, deadline))
        if length > _MAX_TEXT_BYTES or height * width > limits.pixels or channels not in (0, 1, 3, 4):
            worker.kill()
            raise WorkerError("the answer does not fit the request")
        text = worker.receive(length, deadline).decode("utf-8", "replace") if length else ""
        pixels = np.frombuffer(worker.receive(height * width * channels, deadline), np.uint8)
        self._pending -= 1
        if channels:
            return pixels.reshape((height, width) if channels == 1 else (height, width, channels))
        reason, _, detail = text.partition(":")
        return int(text) if text.isdecimal() else ImageError(reason, detail)

    def _running_worker(self) -> PythonWorker:
        """The worker; a new one where there is none, or where unread answers of it are left."""
        if self._worker is None or self._pending or not self._worker.alive:
            self._end()
            self._worker = PythonWorker("im2latex.images.decoder_worker", _MEMORY_MB)
            if self._stopped.is_set():
                self._worker.kill()
        return self._worker

    def _end(self) -> int:
        """End the worker; returns its status, negative for a signal."""
        worker, self._worker = self._worker, None
        self._ready, self._pending, self._document = False, 0, None
        if worker is None:
            return 0
        ended = worker.kill() if worker.own else 0
        worker.end()
        return ended


_idle: list[ImageDecoder] = []


@contextmanager
def borrow_decoder() -> Iterator[ImageDecoder]:
    """Yield an idle decoder of this process, or a new one."""
    try:
        decoder = _idle.pop()
    except IndexError:
        decoder = ImageDecoder()
    try:
        yield decoder
    finally:
        decoder.reset()
        _idle.append(decoder)


def decode_image(data: bytes, limits: DecodeLimits = IMAGES) -> DecodedImage:
    """`ImageDecoder.decode`, from any thread."""
    with borrow_decoder() as decoder:
        return decoder.decode(data, limits)


def decode_images(
    images: Iterable[bytes | ImageError], limits: DecodeLimits = IMAGES
) -> Iterator[DecodedImage | ImageError]:
    """`ImageDecoder.decode_all`, from any thread."""
    with borrow_decoder() as decoder:
        yield from decoder.decode_all(images, limits)


def count_pages(pdf: bytes) -> int:
    """`ImageDecoder.count_pages`, from any thread."""
    with borrow_decoder() as decoder:
        return decoder.count_pages(pdf)


def draw_page(pdf: bytes, number: int) -> DecodedImage:
    """`ImageDecoder.draw_page`, from any thread."""
    with borrow_decoder() as decoder:
        return decoder.draw_page(pdf, number)


def _batches(images: Iterable[bytes | ImageError]) -> Iterator[list[bytes | ImageError]]:
    """Group files to requests."""
    batch: list[bytes | ImageError] = []
    size = 0
    for image in images:
        length = len(image) if isinstance(image, bytes) else 0
        if batch and (len(batch) == _BATCH_SIZE or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(image)
        size += length
    if batch:
        yield batch


def _one(answers: Iterator[Answer]) -> DecodedImage:
    (found,) = answers
    if isinstance(found, ImageError):
        raise found
    return np.asarray(found, np.uint8)


def _refusal(ended: int) -> ImageError:
    if ended == -signal.SIGPROF:
        return ImageError(
            "too_complex", "decoding takes too much CPU time for an image of its size; save it as a plain PNG"
        )
    return ImageError("not_an_image", f"the image is damaged: its decoder ended with {_status(ended)}")


def _status(ended: int) -> str:
    return f"signal {-ended}" if ended < 0 else f"status {ended}"


def _deadline(worker: PythonWorker) -> Deadline:
    return Deadline(worker, _ANSWER_SECONDS)
