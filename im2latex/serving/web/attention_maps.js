// Attention maps over a page, as im2latex.inference.attention_maps.

const STRIDE = 8; // of the encoder, in pixels
const SCALE = 1000;

// For each of the spans of tokens, a map of rows in thousandths; `weights` hold, for each token of the search, the
// attention on the positions of the grid, column by column.
export function attentionMaps(weights, { height, width }, spans) {
  const vertical = overlaps(height);
  const horizontal = overlaps(width);
  const rows = vertical[0].length;
  return spans.map(({ start, end }) => {
    const mean = weights[start].map((_, at) => {
      let sum = 0;
      for (let token = start; token < end; token++) sum += weights[token][at];
      return sum / (end - start);
    });
    const columns = horizontal.map((shares) => {
      const column = new Float64Array(rows);
      shares.forEach((share, x) => {
        if (share) for (let y = 0; y < rows; y++) column[y] += share * mean[x * rows + y];
      });
      return column;
    });
    return vertical.map((shares) => {
      return columns.map((column) => Math.round(SCALE * shares.reduce((sum, share, y) => sum + share * column[y], 0)));
    });
  });
}

// The share of each cell of the grid that is in each part of `STRIDE` pixels: (parts, cells).
function overlaps(length) {
  const count = Math.ceil(length / STRIDE);
  if (count === 1) return [[1]];
  const parts = Math.max(1, Math.round(length / STRIDE));
  const size = length / parts;
  return Array.from({ length: parts }, (_, part) => {
    return Array.from({ length: count }, (_, cell) => {
      const begin = 0.5 + STRIDE * (cell - 0.5);
      const [start, end] = [Math.max(0, begin), Math.min(length, begin + STRIDE)];
      const shared = Math.min((part + 1) * size, end) - Math.max(part * size, start);
      return Math.max(0, shared) / Math.max(1, end - start);
    });
  });
}
