"""The sandboxed decoder process: refused files, damaged files, and the end of the process."""

import ast
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from benchmarks.hostile_images import bombs, encoded, examples, mutate, sample_image
from im2latex.errors import ImageError, ToolError
from im2latex.images import decode, sandboxed_decoder
from im2latex.images.arrays import encode_png
from im2latex.images.decode import DecodeLimits, decode_png
from im2latex.images.sandboxed_decoder import (
    DecodedImage,
    DecoderStoppedError,
    ImageDecoder,
    decode_image,
    decode_images,
)
from im2latex.sandbox import sandbox

LEVELS = [np.full((3, 4), level, np.uint8) for level in range(200)]
SLOW = b"P2\n2 2\n255\n" + b"#\n" * 4_000_000
SHORT = DecodeLimits(seconds=0.1)


@pytest.fixture
def decoder() -> Iterator[ImageDecoder]:
    decoder = ImageDecoder()
    yield decoder
    decoder.stop()


def process_of(decoder: ImageDecoder) -> int:
    assert decoder._worker is not None
    return decoder._worker._child._process.pid


def refused(data: bytes, limits: DecodeLimits = SHORT) -> ImageError:
    with pytest.raises(ImageError) as error:
        decode_image(data, limits)
    assert "\n" not in error.value.detail
    return error.value


def test_damaged_files_are_decoded_or_refused() -> None:
    random, seeds = Random(1), examples()
    names = sorted(seeds)
    damaged = [mutate(random, seeds[names[number % len(names)]], seeds[random.choice(names)]) for number in range(300)]
    found = list(decode_images(damaged))
    assert len(found) == len(damaged)
    assert {one.reason for one in found if isinstance(one, ImageError)} <= {
        "not_an_image",
        "too_many_pixels",
        "too_complex",
    }
    assert sum(isinstance(one, np.ndarray) for one in found) > 20


@pytest.mark.parametrize(("name", "build"), [pytest.param(*one, id=one[0]) for one in bombs(700, 30_000)])
def test_files_made_to_be_slow_are_decoded_or_refused_in_time(name: str, build: Callable[[], bytes]) -> None:
    data, limits = build(), DecodeLimits(pixels=1_000_000, seconds=0.1)
    before = os.times()
    with suppress(ImageError):
        decode_image(data, limits)
    after = os.times()
    assert (after.user + after.system) - (before.user + before.system) < 0.5


def test_scans_are_counted_before_they_are_decoded() -> None:
    assert "100 scans" in refused(dict(bombs(700, 300))["jpeg scans"](), DecodeLimits()).detail


@pytest.mark.parametrize("kind", ["EPS", "ICO", "TGA", "DDS", "JPEG2000"])
def test_other_formats_are_refused_whatever_their_name(kind: str) -> None:
    assert refused(encoded(sample_image().convert("RGB"), kind)).reason == "not_an_image"


def test_no_format_is_decoded_by_another_program() -> None:
    script = "import sys; from im2latex.images import decoder_worker; print('PIL.EpsImagePlugin' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout == b"False\n"
    assert set(decode.FORMATS) == {"PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"}


def test_processor_time_is_limited_and_the_next_file_is_decoded(decoder: ImageDecoder) -> None:
    with pytest.raises(ImageError, match="CPU time") as error:
        decoder.decode(SLOW, SHORT)
    assert error.value.reason == "too_complex"
    assert decoder.decode(encode_png(LEVELS[7]))[0, 0] == 7


def test_limits_hold_without_a_sandbox(monkeypatch: pytest.MonkeyPatch, decoder: ImageDecoder) -> None:
    monkeypatch.setattr(sandbox, "support", lambda: sandbox.Support(0, seccomp=False, bubblewrap=None))
    assert decoder.decode(encode_png(LEVELS[7]))[0, 0] == 7
    with pytest.raises(ImageError, match="CPU time"):
        decoder.decode(SLOW, SHORT)
    limits = Path(f"/proc/{process_of_new(decoder)}/limits")
    if limits.exists():
        (space,) = (line.split()[3] for line in limits.read_text().splitlines() if line.startswith("Max address space"))
        assert int(space) == 2048 << 20


def process_of_new(decoder: ImageDecoder) -> int:
    decoder.start()
    return process_of(decoder)


@pytest.mark.skipif(not sandbox.support().complete, reason="this kernel cannot restrict processes")
def test_the_decoder_is_restricted(decoder: ImageDecoder) -> None:
    decoder.decode(encode_png(LEVELS[7]))
    status = Path(f"/proc/{process_of(decoder)}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status


def test_files_keep_their_order_and_errors_their_place(decoder: ImageDecoder) -> None:
    missing = ImageError("image_missing", "a.png")
    images: list[bytes | ImageError] = [encode_png(one) for one in LEVELS]
    images[3], images[80], images[81], images[199] = b"broken", missing, SLOW[:2_000_000], b""
    found = list(decoder.decode_all(images, DecodeLimits(seconds=0.05)))
    reasons = {place: one.reason for place, one in enumerate(found) if isinstance(one, ImageError)}
    assert reasons == {3: "not_an_image", 80: "image_missing", 81: "too_complex", 199: "not_an_image"}
    assert found[80] is missing
    for one, level in zip(found, LEVELS, strict=True):
        assert isinstance(one, ImageError) or np.array_equal(one, level)


def test_results_that_nobody_takes_are_not_given_to_the_next(decoder: ImageDecoder) -> None:
    for one in decoder.decode_all(encode_png(one) for one in LEVELS):
        assert not isinstance(one, ImageError)
        break
    assert decoder.decode(encode_png(LEVELS[9]))[0, 0] == 9


def test_a_process_that_was_killed_is_replaced(decoder: ImageDecoder) -> None:
    images = decoder.decode_all(encode_png(one) for one in LEVELS)
    for place, one in enumerate(images):
        assert isinstance(one, np.ndarray)
        assert one[0, 0] == place
        if place in (0, 150):
            os.kill(process_of(decoder), signal.SIGKILL)


def test_a_decoder_that_does_not_start_is_no_fault_of_the_images(
    monkeypatch: pytest.MonkeyPatch, decoder: ImageDecoder
) -> None:
    monkeypatch.setattr(sys, "path", [str(Path(decode.__file__).parents[2])])
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ToolError, match="does not start"):
        decoder.decode(encode_png(LEVELS[0]))


def test_a_stopped_call_ends_at_once_and_its_process_with_it(decoder: ImageDecoder) -> None:
    decoder.decode(encode_png(LEVELS[0]))
    process = process_of(decoder)
    stopped: list[type[BaseException]] = []

    def call() -> None:
        try:
            decoder.decode(SLOW, DecodeLimits(seconds=60))
        except DecoderStoppedError as error:
            stopped.append(type(error))

    thread = threading.Thread(target=call)
    thread.start()
    while not decoder._pending:
        time.sleep(0.001)
    decoder.stop()
    thread.join(10)
    assert stopped == [DecoderStoppedError]
    assert not Path(f"/proc/{process}").exists()
    decoder.reset()
    assert decoder.decode(encode_png(LEVELS[9]))[0, 0] == 9


def test_several_threads_have_a_decoder_each() -> None:
    found: list[DecodedImage] = [LEVELS[0]] * 4

    def call(number: int) -> None:
        found[number] = decode_image(encode_png(LEVELS[number]))

    threads = [threading.Thread(target=call, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one[0, 0] for one in found] == [0, 1, 2, 3]
    assert len(sandboxed_decoder._idle) <= 5


def test_the_process_ends_with_its_parent() -> None:
    script = (
        "import os; from im2latex.images.sandboxed_decoder import ImageDecoder; d = ImageDecoder(); d.start(); "
        "print(d._worker._child._process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    process = Path(f"/proc/{int(done.stdout)}")
    deadline = time.monotonic() + 10
    while process.exists() and process.joinpath("status").read_text().split("State:\t")[1][0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_only_grey_png_of_the_project_is_decoded_elsewhere() -> None:
    assert np.array_equal(decode_png(encode_png(LEVELS[5])), LEVELS[5])
    for data in (b"", encode_png(LEVELS[5])[:40], encoded(Image.fromarray(LEVELS[5]), "GIF")):
        with pytest.raises(ImageError, match="not a PNG"):
            decode_png(data)


def test_images_are_opened_in_one_module() -> None:
    root = Path(decode.__file__).parents[2]
    sources = [path for folder in ("im2latex", "pipeline", "examples") for path in (root / folder).rglob("*.py")]
    opening = {path.relative_to(root).as_posix() for path in sources if _opens_images(path)}
    assert opening == {"im2latex/images/decode.py"}


def _opens_images(path: Path) -> bool:
    """Whether it calls `Image.open`, or a function of Pillow that does."""
    text = path.read_text("utf-8")
    if "PIL" not in text:
        return False
    called = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return any(ast.unparse(one) in ("Image.open", "ImageGrab.grabclipboard", "ImageFile.Parser") for one in called)
