"""Read images of formulas with the released model: python examples/read_images.py [IMAGE...]

Screenshots, scans and photographs: PNG, JPEG, WebP, GIF, BMP, TIFF, PPM; without any, the one beside this file.
"""

import sys
from pathlib import Path

from im2latex.images.decode import decode_image
from im2latex.inference.predictor import Reader

paths = [Path(name) for name in sys.argv[1:]] or [Path(__file__).with_name("image.png")]
images = [decode_image(path.read_bytes()) for path in paths]
reader = Reader.load()  # or Reader.load(Path("data/train")), a model of your own

for path, formula in zip(paths, reader.read(images, candidates=3, constrain=True), strict=True):
    print(f"{path}: {formula.problem or ''}")
    for candidate in formula.candidates:
        print(f"  {candidate.confidence:.3f}  {candidate.latex}")
