"""Worker process that decodes untrusted images and PDF pages: python -m im2latex.images.decoder_worker IN OUT.

IN and OUT are file descriptors. Its only client, `images.sandboxed_decoder`, starts it in a sandbox with limits.

reads   a request: its length (4 bytes, big-endian), JSON {"sizes", "limits", "page"}, then files. `sizes` are the bytes
        of each file, `limits` a `DecodeLimits`. `page` is null for image files; for one PDF it is the page to draw
        from 1, or `COUNT_PAGES`. A PDF whose size is null is the one of the request before.
writes  `READY`; then an answer for each file: `ANSWER`, text, pixels. The text is empty, the number of pages, or
        the reason and the sentence of a refusal, with a colon between.

All files of a request are read before the first answer is written. A file that exceeds its CPU time ends
the process by SIGPROF.
"""

import json
import os
import signal
import struct
import sys

from im2latex.errors import ImageError
from im2latex.images.decode import DecodeLimits, RawImage, count_pages, decode, draw_page, load_plugins

HEADER = struct.Struct(">I")
READY = b"ready"
ANSWER = struct.Struct(">4I")
"""Length of the text in bytes; height, width and channels of the pixels, 0 channels for none."""
COUNT_PAGES = -1
_BUFFER = 1 << 16
_NO_IMAGE = RawImage((0, 0, 0), b"")


def main(source: int, target: int) -> None:
    """Answer requests until the caller closes its end."""
    document = b""
    with os.fdopen(source, "rb") as requests, os.fdopen(target, "wb", _BUFFER) as answers:
        load_plugins()
        answers.write(READY)
        answers.flush()
        while length := requests.read(HEADER.size):
            request = json.loads(requests.read(*HEADER.unpack(length)))
            limits = DecodeLimits(**request["limits"])
            page = request["page"]
            files = [document if size is None else requests.read(size) for size in request["sizes"]]
            document = files[-1] if page is not None else b""
            for data in files:
                _limit_time(limits.seconds)
                text, pixels = _decode(data, page, limits)
                _limit_time(0)
                answers.write(ANSWER.pack(len(text), *pixels.shape) + text)
                answers.write(pixels.content)
                answers.flush()


def _limit_time(seconds: float) -> None:
    """End the process after `seconds` of CPU time from now; 0 removes the limit."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _decode(data: bytes, page: int | None, limits: DecodeLimits) -> tuple[bytes, RawImage]:
    try:
        if page is None:
            return b"", decode(data, limits, _limit_time)
        if page == COUNT_PAGES:
            return str(count_pages(data)).encode(), _NO_IMAGE
        return b"", draw_page(data, page, limits)
    except ImageError as error:
        return f"{error.reason}:{error.detail}".encode(), _NO_IMAGE
    except MemoryError:
        return b"too_complex:decoding takes too much memory; give a smaller image", _NO_IMAGE


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
