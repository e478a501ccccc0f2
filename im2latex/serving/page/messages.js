// Sentences of the page: reasons of doubt, confidence in words, hints.

const REASONS = {
  cut: "The formula is longer than the model can write. This is only its beginning.",
  loop: "The model repeats itself, so this is probably wrong.",
  unsure: "This is probably not quite right. Compare it with the image.",
  "several formulas": "The image seems to show several formulas.",
  text: "The image seems to show text. Crop it to one formula.",
  "no formula": "The image seems to show no formula.",
};
const CROPPABLE = ["several formulas", "text", "no formula"];
const WORDS = [
  [0.9, "very likely right"],
  [0.7, "probably right"],
  [0.5, "perhaps right"],
  [0, "probably wrong"],
];
const HAS_TOUCH = matchMedia("(pointer: coarse)").matches;

export const HINTS = {
  crop: HAS_TOUCH ? "To convert a part of it, press Crop." : "Drag over the image to convert a part of it.",
  cropping: HAS_TOUCH
    ? "Draw a box with a finger, then drag its handles; a tap moves the nearest corner."
    : "Draw a box, then drag it or its handles. Arrow keys move a handle, Enter converts, Escape cancels.",
  found: "Select a formula in the image to convert it alone.",
  attention: "Select a token to see the attention of the model when it predicted it.",
  otherAttention: "The attention belongs to the first alternative.",
};

const named = (reason) => (reason ?? "").replaceAll("_", " ");

// A sentence for a reason of the API; the reason itself where this page does not know it.
export function doubt(reason) {
  return reason ? (REASONS[named(reason)] ?? `This may be wrong: ${named(reason)}.`) : "";
}

export function isCroppable(reason) {
  return CROPPABLE.includes(named(reason));
}

export function confidence(probability) {
  return `${WORDS.find(([least]) => probability >= least)[1]} (${Math.round(100 * probability)} %)`;
}
