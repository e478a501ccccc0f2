// Font size of a formula, estimated from its image by a small network, as im2latex.images.font_size.

import { connectedComponents } from "./morphology.js";
import { quantile, round } from "./numbers.js";
import { resize } from "./resample.js";
import { strokeWidth } from "./crop.js";

const STROKE_PX = 3;
const MAX_PIXELS = 400_000;
const BLACK = 0.45;
const SHARES = [0.1, 0.25, 0.5, 0.75, 0.9];

// The font size (em) of cropped ink in pixels; `network` is the content of font_size_weights.json.
export function estimateFontSize(ink, network) {
  const { values, unit } = extractFeatures(ink);
  let hidden = values.map((value, place) => (value - network.mean[place]) / network.spread[place]);
  network.layers.forEach(({ weights, bias }, number) => {
    const sums = weights.map((row, place) => row.reduce((sum, weight, at) => sum + weight * hidden[at], bias[place]));
    hidden = number < network.layers.length - 1 ? sums.map(Math.tanh) : sums;
  });
  return unit * Math.exp(hidden[0]);
}

// The features: logarithms of lengths over the unit, and the unit in pixels.
export function extractFeatures(ink) {
  const unit = strokeWidth(ink);
  const factor = Math.min(STROKE_PX / unit, Math.sqrt(MAX_PIXELS / ink.data.length));
  const width = Math.max(1, round(factor * ink.width));
  const height = Math.max(1, round(factor * ink.height));
  const large = resize(ink, height, width, "bilinear");
  const black = { height, width, data: Uint8Array.from(large.data, (value) => value > BLACK) };
  const turned = transposed(black);
  const { boxes, areas } = connectedComponents(black);
  const count = boxes.length;
  const heights = count ? boxes.map((box) => box[1] - box[0]) : [1];
  const widths = count ? boxes.map((box) => box[3] - box[2]) : [1];
  const inked = count ? areas : [1];
  const lengths = [
    ...quantiles(runs(black)),
    ...quantiles(runs(turned)),
    ...quantiles(gaps(black)).slice(0, 4),
    ...quantiles(gaps(turned)).slice(0, 4),
    ...quantiles(heights),
    ...quantiles(widths),
    ...quantiles(heights.flatMap((value, place) => new Array(Math.min(inked[place], 1000)).fill(value))),
  ];
  const mean = ink.data.reduce((sum, value) => sum + value, 0) / ink.data.length;
  const whole = [Math.min(unit, STROKE_PX), ink.height / unit, ink.width / unit, Math.max(mean, 1e-3), count + 1];
  return { values: [...whole, ...lengths.map((length) => length / (factor * unit))].map(Math.log), unit };
}

function transposed({ height, width, data }) {
  const turned = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) turned[x * height + y] = data[y * width + x];
  return { height: width, width: height, data: turned };
}

// Lengths of the runs of ink in all rows.
function runs(black) {
  return rowRuns(black).flatMap((row) => row.map(([start, end]) => end - start));
}

// Lengths of the runs of paper between ink, in all rows.
function gaps(black) {
  return rowRuns(black).flatMap((row) => row.slice(1).map(([start], place) => start - row[place][1]));
}

// Start and end of the runs of ink in each row.
function rowRuns({ height, width, data }) {
  return Array.from({ length: height }, (_, y) => {
    const found = [];
    for (let x = 0; x < width; x++) {
      if (!data[y * width + x]) continue;
      const start = x;
      while (x < width && data[y * width + x]) x++;
      found.push([start, x]);
    }
    return found;
  });
}

function quantiles(lengths) {
  const ordered = Float64Array.from(lengths).sort();
  return SHARES.map((share) => (ordered.length ? quantile(ordered, share, true) : 1));
}
