// Loading of images from files, the clipboard and drops; crops of them as PNG. All of it runs in the browser.

const MAX_PIXELS = 4_000_000; // the server shrinks larger images to this

// Decodes any image that the browser can show, upright, into a canvas; `source` is a blob or a data URL.
export async function open(source) {
  let bitmap;
  try {
    bitmap = await (typeof source === "string" ? decoded(source) : createImageBitmap(source));
  } catch {
    throw new Error("This is not an image that can be decoded. Use a PNG, JPEG or WebP file, or a PDF.");
  }
  const factor = Math.min(1, Math.sqrt(MAX_PIXELS / (bitmap.width * bitmap.height)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * factor));
  canvas.height = Math.max(1, Math.round(bitmap.height * factor));
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close?.();
  return canvas;
}

async function decoded(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

// A crop of the canvas; `box` has left, top, right and bottom as fractions of its sides.
export function part(canvas, box) {
  const left = Math.floor(box.left * canvas.width);
  const top = Math.floor(box.top * canvas.height);
  const width = Math.max(1, Math.ceil(box.right * canvas.width) - left);
  const height = Math.max(1, Math.ceil(box.bottom * canvas.height) - top);
  const cut = document.createElement("canvas");
  cut.width = width;
  cut.height = height;
  cut.getContext("2d").drawImage(canvas, left, top, width, height, 0, 0, width, height);
  return cut;
}

export function png(canvas) {
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

// The first image of a drop or paste; null where there is none.
export function first(transfer) {
  const files = [...(transfer?.files ?? [])];
  return files.find((file) => file.type.startsWith("image/")) ?? files[0] ?? null;
}

export async function fromClipboard() {
  let items;
  try {
    items = await navigator.clipboard.read();
  } catch {
    throw new Error("The browser does not allow this page to read the clipboard. Press Ctrl+V or ⌘V instead.");
  }
  for (const item of items) {
    const kind = item.types.find((type) => type.startsWith("image/"));
    if (kind) return item.getType(kind);
  }
  throw new Error("There is no image on the clipboard. Copy one, then paste it here.");
}
