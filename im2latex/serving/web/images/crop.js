// Cropping: removal of specks, scan borders and a frame, then the bounding box of the formula.
//
// It computes what im2latex.images.crop does, where each step is explained. Lengths are in stroke widths.

import { boxMean, connectedComponents, dilate } from "./morphology.js";
import { image, part, round } from "./numbers.js";

export const INK = 0.3;
const MAX_DISTANCE = 40;
const MAX_SPECK_DISTANCE = 8;
const EDGE_DISTANCE = 16;
const DOT_AREA = 3;
const SPECK_AREA = 0.8;
const FRAME_SHARE = 0.97;
const EDGE_SHARE = 0.15;
const EDGE_INK = 0.7;
const PAPER_INK = 0.05;

// The ink without specks, edges and frame, and the box (top, bottom, left, right) of the rest; null without ink.
export function locateInk(original) {
  let ink = removeEdges(removeCorners(original));
  const unit = strokeWidth(ink);
  const { height, width } = ink;
  const { labels, boxes, areas } = connectedComponents({ height, width, data: Uint8Array.from(ink.data, (value) => value > INK) });
  if (!boxes.length) return null;
  const kept = formula(boxes, areas.map((area) => area / unit ** 2), unit);
  const frame = findFrame(labels, width, boxes, kept, unit);
  if (frame !== null) kept[frame] = false;
  if (!kept.every(Boolean)) {
    const specks = Uint8Array.from(labels, (label) => label > 0 && !kept[label - 1]);
    const removed = dilate({ height, width, data: specks }, 1 + round(unit / 2)); // with the soft edges of the specks
    const isRemoved = (place) => removed[place] && !(labels[place] && kept[labels[place] - 1]);
    ink = image(height, width, ink.data.map((value, place) => (isRemoved(place) ? 0 : value)));
  }
  let [top, bottom, left, right] = boundingBox(boxes.filter((_, place) => kept[place]));
  const soft = Math.max(1, round(unit / 3));
  top = Math.max(0, top - soft);
  left = Math.max(0, left - soft);
  const [above, below, before, after] = inkBox(part(ink, top, bottom + soft, left, right + soft));
  return { ink, box: [top + above, top + below, left + before, left + after] };
}

// Removes empty rows and columns at the sides.
export function trim(ink) {
  return part(ink, ...inkBox(ink));
}

// The bounding box of all pixels with more than `threshold` of full ink.
export function inkBox({ height, width, data }, threshold = PAPER_INK) {
  const box = [height, 0, width, 0];
  for (let y = 0, place = 0; y < height; y++) {
    for (let x = 0; x < width; x++, place++) {
      if (!(data[place] > threshold)) continue;
      box[0] = Math.min(box[0], y);
      box[1] = y + 1;
      box[2] = Math.min(box[2], x);
      box[3] = Math.max(box[3], x + 1);
    }
  }
  return box;
}

// Ink over half the length of its edges, in pixels; that length is the sum of the steps between pixels.
export function strokeWidth({ height, width, data }) {
  const value = (y, x) => {
    if (y < 0 || x < 0 || y >= height || x >= width) return 0;
    const own = data[y * width + x];
    return own < 0.15 ? 0 : own;
  };
  let edges = 0;
  let sum = 0;
  for (let y = -1; y < height; y++) {
    for (let x = -1; x < width; x++) {
      const own = value(y, x);
      const down = value(y + 1, x) - own;
      const right = value(y, x + 1) - own;
      sum += own;
      if (down || right) edges += Math.sqrt(down * down + right * right);
    }
  }
  return Math.max(0.5, (2 * sum) / Math.max(edges, 1e-6));
}

// Replaces by paper what is dark near a side, from end to end, with paper beside it.
function removeEdges(original) {
  const widths = sides(original).map(edge);
  const isFrame = sides(original).every((side, place) => widths[place] && side.mean(0) < EDGE_INK);
  if (!widths.some(Boolean) || isFrame) return original;
  const [above, below, before, after] = widths;
  const { height, width } = original;
  const unit = strokeWidth(part(original, above, height - below, before, width - after));
  const ink = image(height, width, original.data.slice());
  const away = Math.max(2, round(EDGE_DISTANCE * unit));
  const soft = Math.max(1, round(unit / 2));
  sides(ink).forEach((side, place) => {
    const end = widths[place] + soft;
    if (!widths[place] || end + away > side.length) return;
    for (let row = end; row < end + away; row++) if (side.mean(row) >= PAPER_INK) return;
    for (let row = 0; row < end; row++) side.clear(row);
  });
  return ink;
}

// Replaces by paper the dark wedges along the sides of a rotated scan, if there is paper beside all of them.
function removeCorners(original) {
  const { height, width, data } = original;
  const isCornerDark = [0, width - 1, (height - 1) * width, height * width - 1].some((place) => data[place] > EDGE_INK);
  if (!isCornerDark) return original;
  const { labels } = connectedComponents({ height, width, data: Uint8Array.from(data, (value) => value > INK) });
  const above = 1 + Math.trunc(EDGE_SHARE * height);
  const before = 1 + Math.trunc(EDGE_SHARE * width);
  const isWithin = (place, rows, columns) => {
    const [y, x] = [Math.floor(place / width), place % width];
    return y >= rows && y < height - rows && x >= columns && x < width - columns;
  };
  const touching = new Set(labels.filter((label, place) => label && !isWithin(place, 1, 1)));
  const wedges = { height, width, data: Uint8Array.from(labels, (label) => touching.has(label)) };
  const others = Uint8Array.from(labels, (label) => label && !touching.has(label));
  if (wedges.data.some((value, place) => value && isWithin(place, above, before)) || !others.some(Boolean)) return original;
  const unit = strokeWidth(image(height, width, data.map((value, place) => (wedges.data[place] ? 0 : value))));
  const beside = boxMean(wedges, 1 + 2 * Math.max(2, round(EDGE_DISTANCE * unit)));
  if (others.some((value, place) => value && beside[place] > 0)) return original;
  const removed = dilate(wedges, Math.max(1, round(unit / 2)));
  return image(height, width, data.map((value, place) => (removed[place] ? 0 : value)));
}

// Views whose first rows are the top, the bottom, the left and the right side.
function sides({ height, width, data }) {
  const view = (length, breadth, at) => ({
    length,
    mean: (row) => {
      let sum = 0;
      for (let column = 0; column < breadth; column++) sum += data[at(row, column)];
      return sum / breadth;
    },
    clear: (row) => {
      for (let column = 0; column < breadth; column++) data[at(row, column)] = 0;
    },
  });
  return [
    view(height, width, (row, column) => row * width + column),
    view(height, width, (row, column) => (height - 1 - row) * width + column),
    view(width, height, (row, column) => column * width + row),
    view(width, height, (row, column) => column * width + width - 1 - row),
  ];
}

// Number of rows up to the first ones that are dark from end to end; 0 where they are too many for an edge.
function edge(side) {
  const count = Math.min(side.length, 2 + Math.trunc(EDGE_SHARE * side.length));
  let row = 0;
  while (row < count && side.mean(row) <= EDGE_INK) row++;
  if (row === count) return 0;
  while (row < count && side.mean(row) > EDGE_INK) row++;
  return row === count ? 0 : row;
}

// Which parts are not specks: the large ones, and the small ones near those; at least the largest.
function formula(boxes, areas, unit) {
  const least = Math.min(DOT_AREA, areas.reduce((most, area) => Math.max(most, area), 0));
  const kept = areas.map((area) => area >= least);
  let whole = boundingBox(boxes.filter((_, place) => kept[place]));
  const order = areas.map((_, place) => place).sort((one, other) => areas[other] - areas[one]);
  for (const place of order) {
    const reach = (areas[place] < SPECK_AREA ? MAX_SPECK_DISTANCE : MAX_DISTANCE) * unit;
    if (kept[place] || distance(boxes[place], whole) > reach) continue;
    kept[place] = true;
    whole = boundingBox([whole, boxes[place]]);
  }
  return kept;
}

// The part that is a frame around all others, as of \boxed, and holds no lines as a table does; null where none is.
function findFrame(labels, width, boxes, kept, unit) {
  let frame = 0;
  let most = 0;
  boxes.forEach((box, place) => {
    const size = kept[place] ? (box[1] - box[0]) * (box[3] - box[2]) : 0;
    if (size > most) [frame, most] = [place, size];
  });
  const [top, bottom, left, right] = boxes[frame];
  const inner = boxes.filter((_, place) => kept[place] && place !== frame);
  if (!inner.length) return null;
  const [above, below, before, after] = boundingBox(inner);
  if (!(top < above && below < bottom && left < before && after < right)) return null;
  const thick = Math.max(2, round(2 * unit));
  const has = (y, x) => labels[y * width + x] === frame + 1;
  const closed = (count, length, at) => {
    let covered = 0;
    for (let place = 0; place < length; place++) {
      for (let depth = 0; depth < Math.min(thick, count); depth++) {
        if (!has(...at(depth, place))) continue;
        covered++;
        break;
      }
    }
    return covered / length > FRAME_SHARE;
  };
  const [rows, columns] = [bottom - top, right - left];
  const isClosed =
    closed(rows, columns, (depth, place) => [top + depth, left + place]) &&
    closed(rows, columns, (depth, place) => [bottom - 1 - depth, left + place]) &&
    closed(columns, rows, (depth, place) => [top + place, left + depth]) &&
    closed(columns, rows, (depth, place) => [top + place, right - 1 - depth]);
  if (!isClosed) return null;
  for (let y = top + thick; y < bottom - thick; y++) {
    for (let x = left + thick; x < right - thick; x++) if (has(y, x)) return null;
  }
  return frame;
}

function boundingBox(boxes) {
  return boxes.reduce((one, other) => [
    Math.min(one[0], other[0]),
    Math.max(one[1], other[1]),
    Math.min(one[2], other[2]),
    Math.max(one[3], other[3]),
  ]);
}

// The distance of a box from the bounding box, along the axis on which it is larger.
function distance([top, bottom, left, right], whole) {
  return Math.max(whole[0] - bottom, top - whole[1], whole[2] - right, left - whole[3], 0);
}
