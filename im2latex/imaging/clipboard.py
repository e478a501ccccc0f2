"""The picture that was copied last, on any desktop; Pillow asks wl-paste or xclip where the system is Linux."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageGrab

from im2latex.errors import PictureError, ToolError
from im2latex.imaging.files import as_pixels, decode, read_bytes


def from_clipboard() -> NDArray[np.uint8]:
    """The pixels of the picture, or of the picture file, on the clipboard.

    Raises `ToolError` where there is no way to the clipboard, `PictureError` no_picture where it holds something else.
    """
    try:
        found = ImageGrab.grabclipboard()
    except (NotImplementedError, OSError) as error:
        raise ToolError(
            f"the clipboard cannot be read ({' '.join(str(error).split())}); install wl-clipboard or xclip and run in "
            "a desktop session, or give the picture as a file"
        ) from None
    if isinstance(found, Image.Image):
        return as_pixels(found)
    if found:
        return decode(read_bytes(found[0]))
    raise PictureError("no_picture", "there is no picture on the clipboard; copy one first")
