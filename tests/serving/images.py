"""Images as strangers send them."""

import base64
import io
import struct
import zlib

import numpy as np
from PIL import Image


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def ink(width: int = 60, height: int = 40) -> Image.Image:
    """White, with a black bar in it."""
    image = Image.new("L", (width, height), 255)
    image.paste(0, (width // 4, height // 3, 3 * width // 4, 2 * height // 3))
    return image


def bomb(side: int = 100_000) -> bytes:
    """A small PNG that says it holds side x side pixels, and would."""
    rows = zlib.compress(bytes(1 << 20), 9) * 4
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def moving(kind: str = "GIF") -> bytes:
    return encoded(ink(), kind, save_all=True, append_images=[Image.new("L", (60, 40), 90)], duration=100)


def turned() -> bytes:
    """A photo 60 wide and 40 high, stored on its side as phones do."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(ink().transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)


def text_bomb() -> bytes:
    """A PNG with a compressed comment of 100 MB."""
    plain = encoded(ink())
    data = b"Comment\0\0" + zlib.compress(bytes(100 << 20), 9)
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    return plain[:33] + chunk + plain[33:]


def deep() -> bytes:
    """Sixteen bits a pixel."""
    return encoded(Image.fromarray(np.full((40, 60), 40_000, np.uint16)))


def base64_of(image: Image.Image) -> str:
    return base64.b64encode(encoded(image)).decode()
