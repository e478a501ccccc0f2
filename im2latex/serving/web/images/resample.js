// Resizing and rotation of ink as Pillow computes them for images of mode F.

import { image } from "./numbers.js";

const FILTERS = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    weight: (x) => {
      x = Math.abs(x);
      if (x === 0) return 1;
      if (x >= 1) return 0;
      x *= Math.PI;
      return (Math.sin(x) / x) * (0.54 + 0.46 * Math.cos(x));
    },
  },
};

// The pixels that make each of `size` new ones out of `length`: the first of them, and their weights.
function coefficients(length, size, filter) {
  const scale = length / size;
  const widened = Math.max(scale, 1);
  const support = filter.support * widened;
  return Array.from({ length: size }, (_, place) => {
    const center = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(length, Math.trunc(center + support + 0.5));
    const weights = new Float64Array(end - first);
    let sum = 0;
    for (let k = 0; k < weights.length; k++) {
      weights[k] = filter.weight((k + first - center + 0.5) / widened);
      sum += weights[k];
    }
    if (sum !== 0) for (let k = 0; k < weights.length; k++) weights[k] /= sum;
    return { first, weights };
  });
}

export function resize(source, height, width, name) {
  let result = source;
  if (width !== result.width) result = across(result, width, FILTERS[name]);
  if (height !== result.height) result = down(result, height, FILTERS[name]);
  return result;
}

function across(source, width, filter) {
  const result = image(source.height, width);
  const all = coefficients(source.width, width, filter);
  for (let y = 0; y < source.height; y++) {
    const row = y * source.width;
    for (let x = 0; x < width; x++) {
      const { first, weights } = all[x];
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += source.data[row + first + k] * weights[k];
      result.data[y * width + x] = sum;
    }
  }
  return result;
}

function down(source, height, filter) {
  const { width } = source;
  const result = image(height, width);
  const sums = new Float64Array(width);
  coefficients(source.height, height, filter).forEach(({ first, weights }, y) => {
    sums.fill(0);
    for (let k = 0; k < weights.length; k++) {
      const row = (first + k) * width;
      for (let x = 0; x < width; x++) sums[x] += source.data[row + x] * weights[k];
    }
    result.data.set(sums, y * width);
  });
  return result;
}

// Rotates counterclockwise, with bicubic interpolation; the result holds the whole rotated image.
export function rotate(source, degrees) {
  const { width, height, data } = source;
  const angle = (-(((degrees % 360) + 360) % 360) * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)].map((value) => Number(value.toFixed(15)));
  const apply = (x, y, dx, dy) => [cos * x + sin * y + dx, -sin * x + cos * y + dy];
  let [dx, dy] = apply(-width / 2, -height / 2, 0, 0);
  dx += width / 2;
  dy += height / 2;
  const corners = [[0, 0], [width, 0], [width, height], [0, height]].map(([x, y]) => apply(x, y, dx, dy));
  const [newWidth, newHeight] = [0, 1].map((axis) => {
    const places = corners.map((corner) => corner[axis]);
    return Math.ceil(Math.max(...places)) - Math.floor(Math.min(...places));
  });
  [dx, dy] = apply(-(newWidth - width) / 2, -(newHeight - height) / 2, dx, dy);
  const result = image(newHeight, newWidth);
  for (let y = 0; y < newHeight; y++) {
    for (let x = 0; x < newWidth; x++) {
      const [fromX, fromY] = apply(x + 0.5, y + 0.5, dx, dy);
      if (fromX < 0 || fromX >= width || fromY < 0 || fromY >= height) continue;
      result.data[y * newWidth + x] = bicubic(data, width, height, fromX - 0.5, fromY - 0.5);
    }
  }
  return result;
}

function bicubic(data, width, height, x, y) {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const columns = [-1, 0, 1, 2].map((step) => Math.min(Math.max(left + step, 0), width - 1));
  const rows = [];
  for (let step = -1; step <= 2; step++) {
    const row = top + step;
    if (step >= 0 && (row < 0 || row >= height)) {
      rows.push(rows.at(-1));
      continue;
    }
    const start = Math.min(Math.max(row, 0), height - 1) * width;
    rows.push(cubic(...columns.map((column) => data[start + column]), x - left));
  }
  return cubic(...rows, y - top);
}

function cubic(before, left, right, behind, share) {
  const second = 2 * (before - left) + right - behind;
  const third = -before + left - right + behind;
  return left + share * (right - before + share * (second + share * third));
}
