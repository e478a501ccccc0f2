// Selection of a rectangle of an image with the mouse, a finger or the keyboard.
//
// A mouse may draw at any time; a finger only after `start`, so that it can scroll before. Then the arrow keys also move
// the box, Shift with them resizes it, Enter confirms it, and Escape cancels.

const MIN_PX = 8;
const STEP = 0.02;
const WHOLE = { left: 0, top: 0, right: 1, bottom: 1 };
const INSET = { left: 0.1, top: 0.1, right: 0.9, bottom: 0.9 };

export class Crop {
  constructor(stage, box, { chosen, changed }) {
    this.stage = stage;
    this.box = box;
    this.chosen = chosen;
    this.changed = changed;
    this.active = false;
    this.origin = null;
    box.tabIndex = 0;
    box.setAttribute("role", "application");
    box.setAttribute("aria-label", "Part to predict. Arrow keys move it, with Shift they resize it, Enter confirms it, Escape cancels.");
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    stage.addEventListener("pointerup", (event) => this.#up(event));
    stage.addEventListener("pointercancel", () => this.stop());
    box.addEventListener("keydown", (event) => this.#key(event));
  }

  start() {
    this.active = true;
    this.stage.classList.add("cropping");
    this.#show(INSET);
    this.box.focus({ preventScroll: true });
    this.changed(true);
  }

  stop() {
    this.active = false;
    this.origin = null;
    this.box.hidden = true;
    this.stage.classList.remove("cropping");
    this.changed(false);
  }

  #down(event) {
    if (event.button !== 0 || (event.pointerType !== "mouse" && !this.active)) return;
    event.preventDefault();
    this.stage.setPointerCapture(event.pointerId);
    this.origin = this.#place(event);
  }

  #move(event) {
    if (this.origin) this.#show(between(this.origin, this.#place(event)));
  }

  #up(event) {
    if (!this.origin) return;
    const area = between(this.origin, this.#place(event));
    const { width, height } = this.stage.getBoundingClientRect();
    const isLarge = (area.right - area.left) * width >= MIN_PX && (area.bottom - area.top) * height >= MIN_PX;
    this.origin = null;
    if (isLarge) this.#finish(area);
    else this.stop();
  }

  #key(event) {
    const directions = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    if (event.key in directions) this.#shift(...directions[event.key], event.shiftKey);
    else if (event.key === "Enter") this.#finish(this.area);
    else if (event.key === "Escape") this.stop();
    else return;
    event.preventDefault();
  }

  #shift(across, down, resize) {
    const { left, top, right, bottom } = this.area;
    if (resize) {
      this.#show({ left, top, right: clamp(right + across, left + STEP, 1), bottom: clamp(bottom + down, top + STEP, 1) });
      return;
    }
    const x = clamp(across, -left, 1 - right);
    const y = clamp(down, -top, 1 - bottom);
    this.#show({ left: left + x, top: top + y, right: right + x, bottom: bottom + y });
  }

  #finish(area) {
    this.stop();
    this.#show(area);
    this.chosen(area);
  }

  #show(area) {
    this.area = area;
    this.box.hidden = false;
    this.box.style.left = `${100 * area.left}%`;
    this.box.style.top = `${100 * area.top}%`;
    this.box.style.width = `${100 * (area.right - area.left)}%`;
    this.box.style.height = `${100 * (area.bottom - area.top)}%`;
  }

  #place(event) {
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    return [clamp((event.clientX - left) / width, 0, 1), clamp((event.clientY - top) / height, 0, 1)];
  }
}

export { WHOLE };

function between([x, y], [u, v]) {
  return { left: Math.min(x, u), top: Math.min(y, v), right: Math.max(x, u), bottom: Math.max(y, v) };
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
