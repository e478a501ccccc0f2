// Foreground: the ink of each pixel, on backgrounds of any brightness, color and transparency.
//
// The ink of a pixel is the share of light that it absorbs relative to the paper around it, along the direction of
// color in which ink and paper differ. It computes what im2latex.images.foreground does, where each step is explained.

import { boxMean } from "./morphology.js";
import { image, median, quantile, round } from "./numbers.js";

const PAPER = 255;
const MIN_CONTRAST = 24;
const MAX_EVEN_VARIATION = 6;
const DARK_INK = 0.9;
const SATURATED = 0.97;
const HIGHLIGHT_SHARE = 0.04;
const SAMPLES = 6000;
const ITERATIONS = 8;
const TERMS = 6;

// The ink, 0 paper and 1 full ink, of pixels {height, width, data} in RGBA; all zero where there is none.
export function estimateInk(pixels) {
  const { height, width } = pixels;
  const count = height * width;
  let { channels, data: colors } = withoutHighlights(flattened(pixels));
  let paper = channelSamples(colors, channels).map(median);
  const distance = new Float32Array(count);
  for (let place = 0; place < count; place++) {
    for (let c = 0; c < channels; c++) {
      distance[place] = Math.max(distance[place], Math.abs(colors[place * channels + c] - paper[c]));
    }
  }
  const strong = Math.max(MIN_CONTRAST, largest(distance) / 2);
  if (!distance.some((value) => value > strong)) return image(height, width);
  const grid = sampleGrid({ height, width, channels, data: colors });
  if (isLighter(grid)) {
    colors = colors.map((value) => 255 - value);
    grid.values = grid.values.map((value) => 255 - value);
    paper = paper.map((value) => 255 - value);
  }
  const light = paperBrightness(height, width, grid, paper);
  const direction = new Float64Array(channels);
  let strongCount = 0;
  const absorbed = new Float32Array(colors.length);
  let lightest = 0;
  for (let place = 0; place < count; place++) {
    const isStrong = distance[place] > strong;
    strongCount += isStrong;
    for (let c = 0; c < channels; c++) {
      const at = place * channels + c;
      const own = Math.max(light.length === channels ? light[c] : light[at], 1);
      lightest = Math.max(lightest, own);
      absorbed[at] = 1 - colors[at] / own;
      if (isStrong) direction[c] += absorbed[at];
    }
  }
  for (let c = 0; c < channels; c++) direction[c] = Math.max(0, direction[c] / strongCount);
  const length = Math.max(direction.reduce((sum, value) => sum + value, 0), 1e-6);
  const share = new Float32Array(count);
  for (let place = 0; place < count; place++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += (absorbed[place * channels + c] * direction[c]) / length;
    share[place] = sum;
  }
  return image(height, width, normalized(share, MIN_CONTRAST / lightest));
}

// Colors on white paper; ink that is too light for white paper is inverted. One channel where all are gray.
function flattened({ height, width, data }) {
  const count = height * width;
  let least = 255;
  let most = 0;
  let alphaLeast = 255;
  let alphaMost = 0;
  let alphaSum = 0;
  let isGray = true;
  for (let at = 0; at < 4 * count; at += 4) {
    const [red, green, blue, alpha] = [data[at], data[at + 1], data[at + 2], data[at + 3]];
    isGray &&= red === green && green === blue;
    least = Math.min(least, red, green, blue);
    most = Math.max(most, red, green, blue);
    alphaLeast = Math.min(alphaLeast, alpha);
    alphaMost = Math.max(alphaMost, alpha);
    alphaSum += alpha;
  }
  const channels = isGray ? 1 : 3;
  const colors = new Float32Array(count * channels);
  const isOpaque = alphaLeast === 255 || (alphaMost === 0 && least < most); // some programs write no alpha
  const light = !isOpaque && alphaLeast === 0 && isLight(data, alphaSum / (255 * count) < 0.5);
  for (let place = 0; place < count; place++) {
    const alpha = isOpaque ? 1 : Math.fround(data[4 * place + 3] / 255);
    for (let c = 0; c < channels; c++) {
      const value = data[4 * place + c];
      colors[place * channels + c] = (light ? 255 - value : value) * alpha + PAPER * (1 - alpha);
    }
  }
  return { height, width, channels, data: colors };
}

// Whether light ink is on transparent paper: the visible pixels are light, few or none are dark.
function isLight(data, isMostlyTransparent) {
  const visible = [];
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] > 0) visible.push((data[at] + data[at + 1] + data[at + 2]) / 3);
  }
  if (!visible.length) return false;
  const values = Float32Array.from(visible);
  return (isMostlyTransparent ? median(values) : smallest(values)) >= 128;
}

// Brightness of the brightest color where markers have covered a part of light paper, else the colors.
function withoutHighlights(colors) {
  const { height, width, channels, data } = colors;
  const count = height * width;
  if (channels === 1) return colors;
  const brightest = new Float32Array(count);
  const darkest = new Float32Array(count);
  for (let place = 0; place < count; place++) {
    const own = data.subarray(3 * place, 3 * place + 3);
    brightest[place] = Math.max(own[0], own[1], own[2]);
    darkest[place] = Math.min(own[0], own[1], own[2]);
  }
  const light = median(brightest);
  const highlighted = Uint8Array.from(
    brightest,
    (value, place) => value > light - MIN_CONTRAST && darkest[place] < light - 2 * MIN_CONTRAST,
  );
  const hasInk = brightest.some((value) => value < light / 2);
  if (light < PAPER / 2 || !hasInk || share(highlighted, (value) => value) < HIGHLIGHT_SHARE) return colors;
  const size = Math.max(3, Math.floor(height / 8));
  const filled = boxMean({ height, width, data: highlighted }, size);
  if (share(filled, (value) => value > 0.99) <= HIGHLIGHT_SHARE / 4) return colors;
  return { height, width, channels: 1, data: brightest };
}

// Maps noise of the paper to 0, and full ink to 1 where it is not as dark already.
function normalized(shares, minShare) {
  const most = largest(shares);
  const threshold = Math.max(minShare, most / 2);
  const strong = shares.filter((value) => value > threshold);
  if (!strong.length) return new Float32Array(shares.length);
  const rest = sample(shares.filter((value) => !(value > threshold))).map(Math.abs);
  const noise = rest.length ? 1.4826 * median(rest) : 0;
  const top = quantile(strong, 0.95);
  const full = Math.min(1, top > SATURATED * most ? top : top / DARK_INK);
  const black = Math.min(3 * noise, full / 2);
  const range = Math.max(full - black, 1e-6);
  return shares.map((value) => Math.min(1, Math.max(0, (value - black) / range)));
}

// Whether the ink is lighter than the paper: the sign of the skewness of the brightness around a smooth surface.
function isLighter({ terms, values, channels }) {
  const brightness = means(values, channels);
  const surface = evaluate(terms, leastSquares(terms, null, brightness, 1));
  return brightness.reduce((sum, value, place) => sum + (value - surface[place]) ** 3, 0) > 0;
}

// Brightness of the paper: one value for each channel where it is even, else one for each pixel and channel.
function paperBrightness(height, width, { terms, values, channels }, paper) {
  const brightness = means(values, channels);
  let surface = new Float64Array(brightness.length).fill(quantile(brightness, 0.8));
  let weights = null;
  for (let count = 0; count < ITERATIONS; count++) {
    const own = surface;
    const below = brightness.map((value, place) => own[place] - value);
    const reach = Math.max(MAX_EVEN_VARIATION, 2 * median(below.map(Math.abs)));
    weights = below.map((value) => (value > reach ? 0.001 : 1));
    surface = evaluate(terms, leastSquares(terms, weights, brightness, 1));
  }
  if (largest(surface) - smallest(surface) < MAX_EVEN_VARIATION) return paper;
  const solved = leastSquares(terms, weights, values, channels);
  const whole = new Float32Array(height * width * channels);
  const [rows, columns] = [axis(height), axis(width)];
  const own = new Float64Array(TERMS);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      setTerms(own, 0, rows[y], columns[x]);
      for (let c = 0; c < channels; c++, at++) {
        let sum = 0;
        for (let term = 0; term < TERMS; term++) sum += own[term] * solved[term * channels + c];
        whole[at] = Math.min(255, Math.max(1, sum));
      }
    }
  }
  return whole;
}

// A regular grid of pixels: the polynomial terms at their positions, and their colors.
function sampleGrid({ height, width, channels, data }) {
  const step = Math.max(1, round(Math.sqrt((height * width) / SAMPLES)));
  const [rows, columns] = [axis(height), axis(width)];
  const count = Math.ceil(height / step) * Math.ceil(width / step);
  const terms = new Float64Array(count * TERMS);
  const values = new Float64Array(count * channels);
  let place = 0;
  for (let y = 0; y < height; y += step) {
    for (let x = 0; x < width; x += step, place++) {
      setTerms(terms, place * TERMS, rows[y], columns[x]);
      for (let c = 0; c < channels; c++) values[place * channels + c] = data[(y * width + x) * channels + c];
    }
  }
  return { terms, values, channels };
}

function setTerms(terms, at, row, column) {
  terms.set([1, row, column, row * row, row * column, column * column], at);
}

// Coefficients (terms, columns) of weighted least squares, with a small ridge term.
function leastSquares(terms, weights, values, columns) {
  const width = TERMS + columns;
  const system = new Float64Array(TERMS * width);
  for (let place = 0; place < terms.length / TERMS; place++) {
    const own = terms.subarray(place * TERMS, (place + 1) * TERMS);
    for (let row = 0; row < TERMS; row++) {
      const weighted = (weights ? weights[place] : 1) * own[row];
      for (let column = 0; column < TERMS; column++) system[row * width + column] += weighted * own[column];
      for (let c = 0; c < columns; c++) system[row * width + TERMS + c] += weighted * values[place * columns + c];
    }
  }
  for (let row = 0; row < TERMS; row++) system[row * width + row] += 1e-3;
  return solve(system, TERMS, width);
}

// Solves a system of linear equations, given as rows of coefficients and right sides, by elimination.
function solve(system, size, width) {
  for (let pivot = 0; pivot < size; pivot++) {
    for (let row = 0; row < size; row++) {
      if (row === pivot) continue;
      const factor = system[row * width + pivot] / system[pivot * width + pivot]; // positive definite: no row swaps
      for (let column = pivot; column < width; column++) {
        system[row * width + column] -= factor * system[pivot * width + column];
      }
    }
  }
  const columns = width - size;
  const solved = new Float64Array(size * columns);
  for (let row = 0; row < size; row++) {
    for (let c = 0; c < columns; c++) {
      solved[row * columns + c] = system[row * width + size + c] / system[row * width + row];
    }
  }
  return solved;
}

function evaluate(terms, solved) {
  const surface = new Float64Array(terms.length / TERMS);
  for (let place = 0; place < surface.length; place++) {
    for (let term = 0; term < TERMS; term++) surface[place] += terms[place * TERMS + term] * solved[term];
  }
  return surface;
}

function axis(count) {
  return Float32Array.from({ length: count }, (_, place) => (count > 1 ? -1 + (2 * place) / (count - 1) : -1));
}

function means(values, channels) {
  const found = new Float64Array(values.length / channels);
  for (let at = 0; at < values.length; at++) found[Math.floor(at / channels)] += values[at] / channels;
  return found;
}

// A regular sample of the pixels of each channel, since quantiles of all take long.
function channelSamples(colors, channels) {
  const count = colors.length / channels;
  const step = Math.max(1, Math.floor(count / (4 * SAMPLES)));
  return Array.from({ length: channels }, (_, c) => {
    return Float32Array.from({ length: Math.ceil(count / step) }, (_, place) => colors[place * step * channels + c]);
  });
}

const sample = (values) => channelSamples(values, 1)[0];
const largest = (values) => values.reduce((most, value) => Math.max(most, value), -Infinity);
const smallest = (values) => values.reduce((least, value) => Math.min(least, value), Infinity);
const share = (values, isIn) => values.reduce((sum, value) => sum + Number(isIn(value)), 0) / values.length;
