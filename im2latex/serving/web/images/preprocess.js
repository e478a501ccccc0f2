// Preprocessing: an image of a formula, of any kind, to the images that a model was trained on.
//
// It computes what im2latex.images.preprocess does, where each step is explained.

import { locateInk } from "./crop.js";
import { deskew } from "./deskew.js";
import { estimateFontSize } from "./font_size.js";
import { estimateInk } from "./foreground.js";
import { image, part, round } from "./numbers.js";
import { resize } from "./resample.js";

const PAPER = 255;
const UNCHANGED_FACTORS = [0.85, 1.4];
const MAX_SHRINK = 1.6;

// An image that cannot be used, with the `reason` of the API and a sentence for the user.
export class ImageError extends Error {
  constructor(reason, message) {
    super(message);
    this.reason = reason;
  }
}

// Converts pixels {height, width, data} in RGBA to gray values `drawn` of an input image of the model; `toOriginal`
// converts a box (top, bottom, left, right) in it to one of the original, where the rotation is ignored. `input` holds em,
// padding, height and width of input images, and font_size, the network of that name.
export function preprocess(pixels, input) {
  const located = locateInk(estimateInk(pixels));
  if (!located) throw new ImageError("blank", "There is no ink on the image; give one that shows a formula.");
  const ink = deskew(part(located.ink, ...located.box));
  const { drawn, factor } = resizeInk(ink, input.em / estimateFontSize(ink, input.font_size), input);
  const [top, bottom, left, right] = located.box;
  const convert = (edge, length, center) => round(center + (edge - length / 2) / factor);
  const toOriginal = (box) => [
    Math.max(0, convert(box[0], drawn.height, (top + bottom) / 2)),
    convert(box[1], drawn.height, (top + bottom) / 2),
    Math.max(0, convert(box[2], drawn.width, (left + right) / 2)),
    convert(box[3], drawn.width, (left + right) / 2),
  ];
  return { drawn, toOriginal };
}

// Draws cropped ink on white paper, about `factor` times as large; returns that factor too.
function resizeInk(ink, factor, spec) {
  if (UNCHANGED_FACTORS[0] < factor && factor < UNCHANGED_FACTORS[1]) factor = 1;
  const { padding } = spec;
  const most = Math.min((spec.height - 2 * padding) / ink.height, (spec.width - 2 * padding) / ink.width);
  if (factor > MAX_SHRINK * most) {
    throw new ImageError("too_large", "Too much for one formula; crop it to one formula, or to a part of it.");
  }
  factor = Math.min(factor, most);
  if (factor !== 1) {
    const width = Math.max(1, round(factor * ink.width));
    const height = Math.max(1, round(factor * ink.height));
    ink = resize(ink, height, width, factor < 1 ? "hamming" : "bilinear");
  }
  const drawn = image(ink.height, ink.width, Uint8Array.from(ink.data, (value) => gray(value)));
  return { drawn: placed(drawn, ink.height + 2 * padding, ink.width + 2 * padding), factor };
}

function gray(value) {
  return Math.min(PAPER, Math.max(0, round(Math.fround(PAPER * Math.fround(1 - value)))));
}

// Centers an image in the smallest of the shapes that it fits, else pads it to multiples of 16 rows and 32 columns.
export function padToBucket(shapes, drawn) {
  const fitting = shapes.filter(({ height, width }) => height >= drawn.height && width >= drawn.width);
  const whole = { height: Math.ceil(drawn.height / 16) * 16, width: Math.ceil(drawn.width / 32) * 32 };
  const size = fitting.length
    ? fitting.reduce((one, other) => (other.height * other.width < one.height * one.width ? other : one))
    : whole;
  return placed(drawn, size.height, size.width);
}

// The image in the middle of paper of that size.
function placed(drawn, height, width) {
  const page = image(height, width, new Uint8Array(height * width).fill(PAPER));
  const top = Math.floor((height - drawn.height) / 2);
  const left = Math.floor((width - drawn.width) / 2);
  for (let y = 0; y < drawn.height; y++) {
    page.data.set(drawn.data.subarray(y * drawn.width, (y + 1) * drawn.width), (top + y) * width + left);
  }
  return page;
}
