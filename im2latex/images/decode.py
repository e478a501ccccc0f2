"""The decoder of untrusted images, for datasets, `predict` and the server alike.

>>> decode_image(Path("image.png").read_bytes()).shape
(60, 400)

Files are decoded in a worker process (`imaging.decoder_worker`) that reads the system's files only, has no network, and
is limited in memory, and in processor time for each file. Where the kernel offers no sandbox the limits still hold. A
file that ends the worker is refused like any other that cannot be decoded. A process has as many workers as it decodes
with at the same time, each started at its first request, and ended with the process.
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
from im2latex.images.decoder_worker import ANSWER, COUNT_PAGES, HEADER, READY
from im2latex.images.formats import DecodeLimits
from im2latex.sandbox.worker import Deadline, PythonWorker, WorkerError, WorkerStalledError

DecodedImage = NDArray[np.uint8]
"""(H, W) where the image is grey, (H, W, 3) in colour, (H, W, 4) where parts are transparent; upright."""
Answer = DecodedImage | ImageError | int
"""Pixels, a refusal, or a number of pages."""

IMAGES = DecodeLimits()
PAGES = DecodeLimits(seconds=10)
_MEMORY_MB = 2048
_MOST_TEXT = 1 << 12
_BATCH, _BATCH_BYTES = 64, 4_000_000
"""Files of one request: so many, and as long as they have fewer bytes together."""
_REMEDY = "`python -m im2latex.images.decoder_worker 0 1 < /dev/null` says why"
_ANSWER_SECONDS = 60.0
"""Clock time without an answer: far more than the processor time that a file may take."""


class DecoderStoppedError(ToolError):
    """The decoder was stopped by another thread while it worked."""


class ImageDecoder:
    """One worker process, replaced where it died. Serves one thread at a time; see `borrowed`."""

    def __init__(self) -> None:
        self._worker: PythonWorker | None = None
        self._ready = False
        self._due = 0
        self._document: bytes | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start the process now and do not wait for it, so that it is ready at the first request."""
        self._living()

    def decode(self, data: bytes, limits: DecodeLimits = IMAGES) -> DecodedImage:
        """Decode an image file.

        Raises `ImageError`: not_an_image, too_many_pixels, too_complex, animated; `ToolError` without a worker.
        """
        return _one(self._answers([data], limits, None))

    def decode_all(
        self, images: Iterable[bytes | ImageError], limits: DecodeLimits = IMAGES
    ) -> Iterator[DecodedImage | ImageError]:
        """Decode many image files, in order, with an error in place of each that is refused.

        A `ImageError` in place of a file is passed on, so that files can be read while others are decoded.
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
        """Serve again after `stop`."""
        self._stopped.clear()

    def _answers(self, files: Sequence[bytes], limits: DecodeLimits, page: int | None) -> Generator[Answer, None, None]:
        """What the worker says of each file; it is tried once more where its end is not explained."""
        place, again = 0, False
        while place < len(files):
            try:
                self._send(files[place:], limits, page)
                while place < len(files):
                    answer = self._receive(limits)
                    place, again = place + 1, False
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
                    raise ToolError(f"the decoder of images does not start ({_how(ended)}); {_REMEDY}") from None
                if ended != -signal.SIGPROF and not again:
                    again = True  # may have been killed from outside, which says nothing about the file
                    continue
                place, again = place + 1, False
                yield _refusal(ended)

    def _send(self, files: Sequence[bytes], limits: DecodeLimits, page: int | None) -> None:
        worker = self._living()
        if not self._ready:
            worker.receive(len(READY), _limit(worker))
            self._ready = True
        sizes = [None if file is self._document else len(file) for file in files]
        self._document = files[0] if page is not None else None
        request = json.dumps({"sizes": sizes, "limits": asdict(limits), "page": page}).encode()
        sent = [file for file, size in zip(files, sizes, strict=True) if size is not None]
        self._due = len(sizes)
        worker.send(b"".join((HEADER.pack(len(request)), request, *sent)), _limit(worker))

    def _receive(self, limits: DecodeLimits) -> Answer:
        """The next answer; one that the worker of this project does not give is taken for its end."""
        worker = self._worker
        assert worker is not None
        limit = _limit(worker)
        length, height, width, channels = ANSWER.unpack(worker.receive(ANSWER.size, limit))
        if length > _MOST_TEXT or height * width > limits.pixels or channels not in (0, 1, 3, 4):
            worker.kill()
            raise WorkerError("the answer is none to the request")
        text = worker.receive(length, limit).decode("utf-8", "replace") if length else ""
        pixels = np.frombuffer(worker.receive(height * width * channels, limit), np.uint8)
        self._due -= 1
        if channels:
            return pixels.reshape((height, width) if channels == 1 else (height, width, channels))
        reason, _, detail = text.partition(":")
        return int(text) if text.isdecimal() else ImageError(reason, detail)

    def _living(self) -> PythonWorker:
        """The worker, a new one where there is none or answers of it were left unread."""
        if self._worker is None or self._due or not self._worker.alive:
            self._end()
            self._worker = PythonWorker("im2latex.images.decoder_worker", _MEMORY_MB)
            if self._stopped.is_set():
                self._worker.kill()
        return self._worker

    def _end(self) -> int:
        """End the worker and forget it; how it ended: the negative of a signal, or a status."""
        worker, self._worker = self._worker, None
        self._ready, self._due, self._document = False, 0, None
        if worker is None:
            return 0
        ended = worker.kill() if worker.own else 0
        worker.end()
        return ended


_idle: list[ImageDecoder] = []


@contextmanager
def borrow_decoder() -> Iterator[ImageDecoder]:
    """Lend a decoder of this process that nobody uses, or a new one."""
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
    """As `ImageDecoder.decode`, from any thread."""
    with borrow_decoder() as decoder:
        return decoder.decode(data, limits)


def decode_images(
    images: Iterable[bytes | ImageError], limits: DecodeLimits = IMAGES
) -> Iterator[DecodedImage | ImageError]:
    """As `ImageDecoder.decode_all`, from any thread."""
    with borrow_decoder() as decoder:
        yield from decoder.decode_all(images, limits)


def count_pages(pdf: bytes) -> int:
    """As `ImageDecoder.count_pages`, from any thread."""
    with borrow_decoder() as decoder:
        return decoder.count_pages(pdf)


def draw_page(pdf: bytes, number: int) -> DecodedImage:
    """As `ImageDecoder.draw_page`, from any thread."""
    with borrow_decoder() as decoder:
        return decoder.draw_page(pdf, number)


def _batches(images: Iterable[bytes | ImageError]) -> Iterator[list[bytes | ImageError]]:
    """Lists of files that are sent together."""
    batch: list[bytes | ImageError] = []
    size = 0
    for image in images:
        length = len(image) if isinstance(image, bytes) else 0
        if batch and (len(batch) == _BATCH or size + length > _BATCH_BYTES):
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
            "too_complex", "decoding takes too much processor time for an image of its size; save it as a plain PNG"
        )
    return ImageError("not_an_image", f"the image is damaged: its decoder ended with {_how(ended)}")


def _how(ended: int) -> str:
    return f"signal {-ended}" if ended < 0 else f"status {ended}"


def _limit(worker: PythonWorker) -> Deadline:
    return Deadline(worker, _ANSWER_SECONDS)
