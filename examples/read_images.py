"""Predict the formulas in images with the released model: python examples/read_images.py [IMAGE...]

Screenshots, scans and photographs: PNG, JPEG, WebP, GIF, BMP, TIFF, PPM, one page of a PDF (paper.pdf#2). Without
arguments it uses the image beside this file.
"""

import sys
from pathlib import Path

import im2latex

paths = sys.argv[1:] or [str(Path(__file__).with_name("image.png"))]
predictor = im2latex.load()  # or im2latex.load("data/train"), a model of your own

for path, prediction in zip(paths, predictor.predict(paths, candidates=3, grammar=True), strict=True):
    print(f"{path}: {prediction.error or ''}")
    for candidate in prediction.candidates:
        print(f"  {candidate.confidence:.3f}  {candidate.latex}")
