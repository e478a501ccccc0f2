// Numbers as NumPy computes them: rounding, median, quantiles; and images as {height, width, data}.

// Rounds halves to the even neighbor, as Python and NumPy do.
export function round(value) {
  const down = Math.floor(value);
  const rest = value - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

// The quantile of a typed array, interpolated linearly; `sorted` says whether its values rise already.
export function quantile(values, share, sorted = false) {
  const ordered = sorted ? values : values.slice().sort();
  const place = share * (ordered.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, ordered.length - 1);
  return ordered[low] + (ordered[high] - ordered[low]) * (place - low);
}

export function median(values) {
  return quantile(values, 0.5);
}

export function image(height, width, data = new Float32Array(height * width)) {
  return { height, width, data };
}

// The part of an image from top to bottom and left to right, ends excluded; parts beyond it are left out.
export function part({ height, width, data }, top, bottom, left, right) {
  bottom = Math.min(bottom, height);
  right = Math.min(right, width);
  const cut = image(bottom - top, right - left, new data.constructor((bottom - top) * (right - left)));
  for (let y = top; y < bottom; y++) {
    cut.data.set(data.subarray(y * width + left, y * width + right), (y - top) * cut.width);
  }
  return cut;
}
