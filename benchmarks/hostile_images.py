"""Image files of many formats, random mutations of them, and files that are slow or large to decode."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from random import Random

import numpy as np
from PIL import Image, ImageDraw

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, column step and row step of each pass of an interlaced PNG."""


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Encode an image with Pillow."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def sample_image(width: int = 60, height: int = 40) -> Image.Image:
    """A greyscale image of dark shapes on white."""
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 6, height // 5, width // 2, height // 2), 0)
    draw.ellipse((width // 2, height // 3, width - 5, height - 5), outline=70, width=3)
    return image


def examples() -> dict[str, bytes]:
    """A small file of each format: supported ones in several variants, and unsupported ones."""
    grey, colour = sample_image(), sample_image().convert("RGB")
    frames = {"save_all": True, "append_images": [Image.new("L", grey.size, 90)]}
    return {
        "png": encoded(grey, "PNG"),
        "png palette": encoded(grey.convert("P"), "PNG", transparency=0),
        "png 16": encoded(Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), "PNG"),
        "png interlaced": interlaced(60, 40, 8, 2),
        "png frames": encoded(grey, "PNG", **frames),
        "jpeg": encoded(colour, "JPEG"),
        "jpeg progressive": encoded(grey, "JPEG", progressive=True),
        "jpeg cmyk": encoded(colour.convert("CMYK"), "JPEG"),
        "webp": encoded(colour, "WEBP"),
        "webp frames": encoded(colour, "WEBP", lossless=True, **frames),
        "gif": encoded(grey, "GIF"),
        "gif frames": encoded(grey, "GIF", **frames),
        "bmp": encoded(colour, "BMP"),
        "bmp rle": bmp_of_runs(60, 40),
        "tiff": encoded(colour, "TIFF"),
        "tiff lzw": encoded(colour, "TIFF", compression="tiff_lzw"),
        "tiff fax": encoded(grey.convert("1"), "TIFF", compression="group4"),
        "tiff jpeg": encoded(colour, "TIFF", compression="jpeg"),
        "tiff float": encoded(Image.fromarray(np.asarray(grey, np.float32)), "TIFF"),
        "ppm": encoded(colour, "PPM"),
        "pgm text": b"P2\n8 2\n255\n" + b" ".join(b"%d" % level for level in range(16)),
        "pbm": encoded(grey.convert("1"), "PPM"),
        "mpo": encoded(colour, "MPO"),
        "ico": encoded(colour, "ICO"),
        "tga": encoded(colour, "TGA"),
        "dds": encoded(colour, "DDS"),
        "pcx": encoded(grey, "PCX"),
        "sgi": encoded(grey, "SGI"),
        "eps": encoded(grey, "EPS"),
        "jpeg 2000": encoded(colour, "JPEG2000"),
    }


def mutate(random: Random, data: bytes, other: bytes) -> bytes:
    """Apply one to eight random mutations; some insert pieces of `other`."""
    whole = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        if not whole:
            break
        # Half of the mutations are in the first bytes, which hold sizes and offsets.
        place = random.randrange(min(len(whole), random.choice((64, len(whole)))))
        length = random.choice((1, 1, 2, 4, 4, 16, 200))
        match random.randrange(7):
            case 0:
                whole[place] ^= 1 << random.randrange(8)
            case 1:
                whole[place : place + length] = random.randbytes(length)
            case 2:
                whole[place : place + length] = random.choice((b"\0", b"\xff", b"\x7f")) * length
            case 3:
                del whole[place : place + length]
            case 4:
                whole[place:place] = whole[place : place + length] * random.choice((1, 2, 50))
            case 5:
                start = random.randrange(len(other))
                whole[place : place + length] = other[start : start + length]
            case _:
                del whole[place:]
    return bytes(whole)


def bombs(side: int, many: int) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Small files that are slow to decode or large when decoded: images of `side` pixels, lists of `many` items."""
    header = b"%d %d\n255\n" % (side, side)
    comments = b"#\n" * many
    frame = Image.new("L", (30, 20)).convert("P")
    yield "eps", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n"
    yield "wmf", lambda: struct.pack("<IHhhhhHIH", 0x9AC6CDD7, 0, 0, 0, 100, 100, 72, 0, 0) + bytes(64)
    yield "jpeg scans", lambda: jpeg_of_scans(side, many)
    yield "jpeg scans at the limit", lambda: jpeg_of_scans(side, 90)
    yield "tiff of jpeg scans", lambda: tiff_of(jpeg_of_scans(side, many), side)
    yield "jpeg markers", lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * many + encoded(sample_image(), "JPEG")[2:]
    yield "pgm comments", lambda: b"P2\n" + comments + b"2 2\n255\n" + comments + b"0 1 2 3\n"
    yield "ppm comments", lambda: b"P3\n1 2\n255\n" + b"1 #\n" * many
    yield "pgm long line", lambda: b"P2\n#" + b"x" * 4 * many + b"\n2 2\n255\n0 1 2 3\n"
    yield "pgm spaces", lambda: b"P2\n" + b" " * 4 * many + b"2 2\n255\n0 1 2 3\n"
    yield "pgm text", lambda: b"P2\n" + header + b"0 " * many
    yield "png zeros", lambda: png(side, side, 8, 6, 0, _zeros(side * (4 * side + 1)))
    yield "png interlaced", lambda: interlaced(side, side, 16, 6)
    yield "png text", lambda: _with_chunk(b"zTXt", b"Comment\0\0" + _zeros(200 * many)) + bytes(8)
    yield "png profile", lambda: _with_chunk(b"iCCP", b"p\0\0" + _zeros(200 * many))
    yield "png pieces", lambda: png_of_pieces(many)
    yield "png frames", lambda: _frames("PNG", frame, many)
    yield "gif frames", lambda: _frames("GIF", frame, many)
    yield "gif extensions", lambda: encoded(frame, "GIF")[:-1] + b"!\xfe\1x\0" * many + b";"
    yield "gif large", lambda: encoded(Image.new("P", (side, side)), "GIF")
    yield "tiff pages", lambda: _frames("TIFF", frame, many)
    yield "tiff loop", _tiff_loop
    yield "tiff strips", lambda: _tiff_strips(many)
    yield "webp frames", lambda: _frames("WEBP", frame.convert("RGB"), many)
    yield "webp large", lambda: encoded(Image.new("RGB", (side, side)), "WEBP", lossless=True, quality=0, method=0)
    yield "bmp runs", lambda: bmp_of_runs(side, side)


def png(width: int, height: int, bits: int, colour: int, interlace: int, stream: bytes) -> bytes:
    """A PNG with a compressed stream."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)
    return PNG_MAGIC + _chunk(b"IHDR", header) + _chunk(b"IDAT", stream) + _chunk(b"IEND", b"")


def interlaced(width: int, height: int, bits: int, colour: int) -> bytes:
    """An interlaced black PNG."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    size = 0
    for left, top, step_x, step_y in _ADAM7:
        columns, rows = -(-(width - left) // step_x), -(-(height - top) // step_y)
        size += rows * (1 + (columns * channels * bits + 7) // 8) if columns > 0 else 0
    return png(width, height, bits, colour, 1, _zeros(size))


def png_of_pieces(count: int) -> bytes:
    """A PNG with empty data chunks."""
    whole = encoded(sample_image(), "PNG")
    return whole[:33] + _chunk(b"IDAT", b"") * count + whole[33:]


def jpeg_of_scans(side: int, scans: int) -> bytes:
    """A greyscale progressive JPEG whose last scan is repeated."""
    whole = encoded(Image.new("L", (side, side), 200), "JPEG", progressive=True)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * scans + whole[-2:]


def tiff_of(jpeg: bytes, side: int) -> bytes:
    """A TIFF that contains a greyscale JPEG."""
    tags = {256: side, 257: side, 258: 8, 259: 7, 262: 1, 273: 8, 277: 1, 278: side, 279: len(jpeg)}
    return _tiff(tags, jpeg, 0)


def bmp_of_runs(width: int, height: int) -> bytes:
    """A run-length encoded BMP of 256 colours with runs of one pixel."""
    rows = (b"\1\0" * width + b"\0\0") * height + b"\0\1"
    palette = bytes(1024)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0)
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + header + palette + rows


def _frames(kind: str, frame: Image.Image, many: int) -> bytes:
    """An animation of different frames, since equal ones are merged; at most 300, to limit the time."""
    count = min(300, many)
    frames = [frame.copy() for _ in range(count)]
    for number, one in enumerate(frames):
        one.paste(255 if one.mode == "P" else (255, 255, 255), (number % 30, number // 30, 30, 20))
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def _tiff(tags: dict[int, int], data: bytes, following: int) -> bytes:
    start = 8 + len(data)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", start) + data + directory


def _tiff_loop() -> bytes:
    """A TIFF whose first page is its own next page."""
    tags = {256: 4, 257: 2, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 2, 279: 8}
    return _tiff(tags, bytes(range(8)), 16)


def _tiff_strips(count: int) -> bytes:
    """A TIFF with one strip per row."""
    file = io.BytesIO()
    Image.new("L", (8, min(count, 29_000))).save(file, "TIFF", compression="packbits", tiffinfo={278: 1})
    return file.getvalue()


def _zeros(size: int) -> bytes:
    """Compressed zeros, without a buffer of their size."""
    packer, packed = zlib.compressobj(6), []
    piece = bytes(1 << 20)
    for start in range(0, size, len(piece)):
        packed.append(packer.compress(piece[: size - start]))
    return b"".join([*packed, packer.flush()])


def _with_chunk(kind: bytes, data: bytes) -> bytes:
    whole = encoded(sample_image(), "PNG")
    return whole[:33] + _chunk(kind, data) + whole[33:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
