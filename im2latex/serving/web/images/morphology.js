// Connected components, dilation and box filter of masks, which are Uint8Arrays of 0 and 1.

// Components, in the order of their first pixel; neighbors along a diagonal are connected. `labels` are 0 for the
// background; `boxes` hold top, bottom, left, right, ends excluded; `areas` the pixels.
export function connectedComponents({ height, width, data }) {
  const labels = new Int32Array(height * width);
  const boxes = [];
  const areas = [];
  const stack = [];
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || labels[start]) continue;
    const label = boxes.length + 1;
    const box = [height, 0, width, 0];
    let area = 0;
    labels[start] = label;
    stack.push(start);
    while (stack.length) {
      const place = stack.pop();
      const y = Math.floor(place / width);
      const x = place - y * width;
      area++;
      if (y < box[0]) box[0] = y;
      if (y >= box[1]) box[1] = y + 1;
      if (x < box[2]) box[2] = x;
      if (x >= box[3]) box[3] = x + 1;
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          const other = row * width + column;
          if (!data[other] || labels[other]) continue;
          labels[other] = label;
          stack.push(other);
        }
      }
    }
    boxes.push(box);
    areas.push(area);
  }
  return { labels, boxes, areas };
}

// Adds the four neighbors of each pixel of the mask, so many times.
export function dilate({ height, width, data }, iterations) {
  let mask = data;
  for (let count = 0; count < iterations; count++) {
    const grown = mask.slice();
    for (let y = 0, place = 0; y < height; y++) {
      for (let x = 0; x < width; x++, place++) {
        if (!mask[place]) continue;
        if (y > 0) grown[place - width] = 1;
        if (y < height - 1) grown[place + width] = 1;
        if (x > 0) grown[place - 1] = 1;
        if (x < width - 1) grown[place + 1] = 1;
      }
    }
    mask = grown;
  }
  return mask;
}

// Share of the mask in the square of that size around each pixel; the mask is mirrored at its sides.
export function boxMean({ height, width, data }, size) {
  const before = Math.floor(size / 2);
  const mirrored = (place, length) => {
    const at = ((place % (2 * length)) + 2 * length) % (2 * length);
    return at < length ? at : 2 * length - 1 - at;
  };
  const rows = new Float64Array(height * width);
  for (let y = 0; y < height; y++) {
    let sum = 0;
    for (let x = -before; x < size - before; x++) sum += data[y * width + mirrored(x, width)];
    for (let x = 0; x < width; x++) {
      rows[y * width + x] = sum;
      sum += data[y * width + mirrored(x + size - before, width)] - data[y * width + mirrored(x - before, width)];
    }
  }
  const means = new Float64Array(height * width);
  for (let x = 0; x < width; x++) {
    let sum = 0;
    for (let y = -before; y < size - before; y++) sum += rows[mirrored(y, height) * width + x];
    for (let y = 0; y < height; y++) {
      means[y * width + x] = sum / size ** 2;
      sum += rows[mirrored(y + size - before, height) * width + x] - rows[mirrored(y - before, height) * width + x];
    }
  }
  return means;
}
