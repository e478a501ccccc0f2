"""Read pictures of formulas with the released model: python examples/read_pictures.py [PICTURE...]

Screenshots, scans and photographs: PNG, JPEG, WebP, GIF, BMP, TIFF, PPM; without any, the one beside this file.
"""

import sys
from pathlib import Path

from im2latex.image_decoder import decode_image
from im2latex.reading import Reader

paths = [Path(name) for name in sys.argv[1:]] or [Path(__file__).with_name("picture.png")]
pictures = [decode_image(path.read_bytes()) for path in paths]
reader = Reader.load()  # or Reader.load(Path("data/train")), a model of your own

for path, formula in zip(paths, reader.read(pictures, candidates=3, constrain=True), strict=True):
    print(f"{path}: {formula.problem or ''}")
    for candidate in formula.candidates:
        print(f"  {candidate.confidence:.3f}  {candidate.latex}")
