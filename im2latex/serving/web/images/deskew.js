// Deskewing: rotation of a formula so that its lines are horizontal, as im2latex.images.deskew.

import { strokeWidth, trim } from "./crop.js";
import { resize, rotate } from "./resample.js";
import { round } from "./numbers.js";

const MAX_DEGREES = 3.5;
const MIN_WIDTH = 80;
const MIN_GAIN = 1.5;
const STROKE_PX = 3;
const MAX_PIXELS = 400_000;
const BLACK = 0.45;
const MIN_STEP_DEGREES = 0.05;

// Rotates cropped ink so that its lines are level, and crops it again; unchanged where they are.
export function deskew(ink) {
  const degrees = skewDegrees(ink);
  if (!degrees) return ink;
  const turned = rotate(ink, degrees);
  turned.data = turned.data.map((value) => Math.min(1, Math.max(0, value)));
  return trim(turned);
}

// Degrees by which the lines of cropped ink fall to the right; 0 where that is uncertain.
export function skewDegrees(ink) {
  const unit = strokeWidth(ink);
  if (ink.width < MIN_WIDTH * unit) return 0;
  const factor = Math.min(STROKE_PX / unit, Math.sqrt(MAX_PIXELS / ink.data.length));
  const width = Math.max(1, round(factor * ink.width));
  const height = Math.max(1, round(factor * ink.height));
  const { data } = resize(ink, height, width, "bilinear");
  const places = [];
  data.forEach((value, place) => value > BLACK && places.push(place));
  if (!places.length) return 0;
  const rows = Int32Array.from(places, (place) => Math.floor(place / width));
  const columns = Int32Array.from(places, (place) => place % width);
  const step = Math.max(MIN_STEP_DEGREES, (2 / width) * (180 / Math.PI));
  const steps = Math.trunc(MAX_DEGREES / step);
  const angles = Array.from({ length: 2 * steps + 1 }, (_, place) => step * (place - steps));
  const found = angles.map((angle) => changes(rows, columns, angle));
  const best = found.reduce((most, value, place) => (value > found[most] ? place : most), 0);
  const isCertain = 0 < best && best < 2 * steps && found[best] > MIN_GAIN * found[steps];
  return isCertain ? angles[best] : 0;
}

// The sum of squared changes of ink from row to row, for rows that fall to the right by `degrees`.
function changes(rows, columns, degrees) {
  const slope = Math.tan((degrees * Math.PI) / 180);
  const levels = new Float64Array(rows.length);
  let least = Infinity;
  let most = -Infinity;
  for (let place = 0; place < rows.length; place++) {
    const level = rows[place] - columns[place] * slope;
    levels[place] = level;
    least = Math.min(least, level);
    most = Math.max(most, level);
  }
  const counts = new Float64Array(round(most - least) + 1);
  for (let place = 0; place < levels.length; place++) counts[round(levels[place] - least)]++;
  let sum = 0;
  for (let row = 1; row < counts.length; row++) sum += (counts[row] - counts[row - 1]) ** 2;
  return sum;
}
