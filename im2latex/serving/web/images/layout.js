// Layout of an image: what else than one formula it may show.
//
// It computes what im2latex.images.layout does, where each step is explained. Lengths are in em.

import { INK, inkBox } from "./crop.js";
import { estimateFontSize } from "./font_size.js";
import { connectedComponents } from "./morphology.js";
import { image, part } from "./numbers.js";

const PAPER = 255;
const MIN_FORMULA_GAP = 0.58;
const MIN_WORDS = 4;
const MIN_WORD_SHARE = 0.6;
const ROW_GAP = 0.06;
const WORD_GAP = 0.14;
const ROW_HEIGHTS = [0.4, 1.35];
const WORD_HEIGHTS = [0.38, 1.1];
const MIN_WORD_WIDTH = 1.1;
const MAX_INK_SHARE = 0.33;
const MAX_PART_SHARE = 0.5;
const MIN_PARTS = 30;

// What gray values show, a `reason` of the API or null for one formula, and the boxes of its formulas; `network` is
// that of estimateFontSize.
export function analyzeLayout({ height, width, data }, network) {
  const ink = image(height, width, Float32Array.from(data, (value) => 1 - value / PAPER));
  const [top, bottom, left, right] = inkBox(ink, INK);
  if (top >= bottom) return { reason: null, boxes: [] };
  const cropped = part(ink, top, bottom, left, right);
  const black = image(cropped.height, cropped.width, Uint8Array.from(cropped.data, (value) => value > INK));
  if (isPicture(black)) return { reason: "no_formula", boxes: [] };
  const em = estimateFontSize(cropped, network);
  const blocks = runs(rows(black), MIN_FORMULA_GAP * em).map(([start, end]) => ({
    top: start,
    part: part(black, start, end, 0, black.width),
  }));
  const formulas = blocks.filter((block) => !isText(block.part, em));
  if (blocks.length === 1) return { reason: formulas.length ? null : "text", boxes: [] };
  const boxes = formulas.map((block) => {
    const inked = columns(block.part);
    const start = top + block.top;
    return [start, start + block.part.height, left + inked.indexOf(1), left + inked.lastIndexOf(1) + 1];
  });
  return { reason: formulas.length < blocks.length ? "text" : "several_formulas", boxes };
}

function isPicture(black) {
  if (black.data.reduce((sum, value) => sum + value, 0) > MAX_INK_SHARE * black.data.length) return true;
  const { boxes } = connectedComponents(black);
  const most = boxes.reduce((size, box) => Math.max(size, (box[1] - box[0]) * (box[3] - box[2])), 0);
  return boxes.length >= MIN_PARTS && most > MAX_PART_SHARE * black.data.length;
}

// Whether most of the ink is words, in most of the rows.
function isText(black, em) {
  const lines = runs(rows(black), ROW_GAP * em);
  let [inked, inWords, words, textRows] = [0, 0, 0, 0];
  for (const [start, end] of lines) {
    const line = part(black, start, end, 0, black.width);
    const parts = runs(columns(line), WORD_GAP * em);
    const width = total(parts);
    inked += width;
    if (!isBetween((end - start) / em, ROW_HEIGHTS)) continue;
    const found = parts.filter(([left, right]) => isWord(part(line, 0, line.height, left, right), em));
    inWords += total(found);
    words += found.length;
    textRows += total(found) > width / 2;
  }
  return words >= MIN_WORDS && inWords >= MIN_WORD_SHARE * inked && textRows >= MIN_WORD_SHARE * lines.length;
}

function isWord(black, em) {
  const inked = rows(black);
  const height = (inked.lastIndexOf(1) - inked.indexOf(1) + 1) / em;
  return black.width >= MIN_WORD_WIDTH * em && isBetween(height, WORD_HEIGHTS);
}

const isBetween = (value, [least, most]) => least < value && value < most;
const total = (parts) => parts.reduce((sum, [start, end]) => sum + end - start, 0);

// Which rows have ink, as 0 and 1.
function rows({ height, width, data }) {
  return Uint8Array.from({ length: height }, (_, y) => data.subarray(y * width, (y + 1) * width).includes(1));
}

function columns({ width, data }) {
  const found = new Uint8Array(width);
  data.forEach((value, place) => value && (found[place % width] = 1));
  return found;
}

// Start and end of the runs of occupied rows or columns; those less than `gap` apart are one.
function runs(occupied, gap) {
  const found = [];
  for (let start = occupied.indexOf(1); start >= 0; ) {
    const stop = occupied.indexOf(0, start);
    const end = stop < 0 ? occupied.length : stop;
    if (found.length && start - found.at(-1)[1] < gap) found.at(-1)[1] = end;
    else found.push([start, end]);
    start = occupied.indexOf(1, end);
  }
  return found;
}
