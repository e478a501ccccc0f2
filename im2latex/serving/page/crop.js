// Selection of a rectangle of an image with the mouse, a finger or the keyboard.
//
// The mouse may draw a rectangle at any time, which is chosen when the button is released. After `start` the rectangle
// has handles and is chosen by `confirm`: drags draw it, move it, or move a handle. Each edge is a slider for the
// keyboard. A click or tap moves the nearest corner, so that nothing needs dragging.

const MIN_PX = 8;
const STEP = 0.02;
const FINE_STEP = 0.005;
const WHOLE = { left: 0, top: 0, right: 1, bottom: 1 };
const INSET = { left: 0.1, top: 0.1, right: 0.9, bottom: 0.9 };
const OPPOSITE = { left: "right", right: "left", top: "bottom", bottom: "top" };
const EDGES = Object.keys(OPPOSITE);
const CORNERS = ["left top", "right top", "left bottom", "right bottom"];

export class Crop {
  constructor(stage, box, { chosen, changed }) {
    Object.assign(this, { stage, box, chosen, changed });
    this.active = false;
    this.drag = null;
    this.handles = Object.fromEntries(EDGES.map((edge) => [edge, edgeHandle(edge)]));
    box.append(...CORNERS.map(cornerHandle), ...Object.values(this.handles));
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    stage.addEventListener("pointerup", (event) => this.#up(event));
    stage.addEventListener("pointercancel", () => (this.drag = null));
    box.addEventListener("keydown", (event) => this.#key(event));
  }

  start() {
    this.#setActive(true);
    this.#show(INSET);
    this.isInitial = true; // the first drag draws another rectangle
    this.handles.left.focus({ preventScroll: true });
  }

  confirm() {
    const area = this.area;
    this.#setActive(false);
    this.chosen(area);
  }

  stop() {
    this.box.hidden = true;
    this.#setActive(false);
  }

  // Shows a rectangle without handles.
  mark(area) {
    this.#setActive(false);
    this.#show(area);
    this.box.hidden = area === WHOLE;
  }

  #setActive(active) {
    this.active = active;
    this.drag = null;
    this.stage.classList.toggle("cropping", active);
    this.changed(active);
  }

  #down(event) {
    if (event.button !== 0 || (event.pointerType !== "mouse" && !this.active)) return;
    if (event.target.closest("button")) return;
    event.preventDefault();
    this.stage.setPointerCapture(event.pointerId);
    const from = this.#place(event);
    const handle = this.active && event.target.closest("[data-edges]");
    const isInside = this.active && event.target === this.box && !this.isInitial;
    this.drag = { from, area: this.area, edges: handle ? handle.dataset.edges.split(" ") : isInside ? EDGES : null };
    handle?.focus?.({ preventScroll: true });
  }

  #move(event) {
    if (!this.drag) return;
    const { from, area, edges } = this.drag;
    const to = this.#place(event);
    if (!edges) {
      if (this.#isLarge(between(from, to))) this.#show(between(from, to));
    } else if (edges === EDGES) {
      const x = clamp(to[0] - from[0], -area.left, 1 - area.right);
      const y = clamp(to[1] - from[1], -area.top, 1 - area.bottom);
      this.#show({ left: area.left + x, top: area.top + y, right: area.right + x, bottom: area.bottom + y });
    } else for (const edge of edges) this.#set(edge, to[isAcross(edge) ? 0 : 1]);
  }

  #up(event) {
    if (!this.drag) return;
    const { from, edges } = this.drag;
    const to = this.#place(event);
    const isLarge = this.#isLarge(between(from, to));
    this.drag = null;
    if (this.active) {
      if (!isLarge && (!edges || edges === EDGES) && distance(from, to) < 0.01) this.#moveNearestCorner(to);
    } else if (isLarge) this.confirm();
  }

  #key(event) {
    const edge = event.target.dataset.edges;
    const step = event.shiftKey ? FINE_STEP : STEP;
    const steps = { ArrowLeft: -step, ArrowUp: -step, ArrowRight: step, ArrowDown: step };
    if (event.key in steps) this.#set(edge, this.area[edge] + steps[event.key]);
    else if (event.key === "Home") this.#set(edge, 0);
    else if (event.key === "End") this.#set(edge, 1);
    else if (event.key === "Enter") this.confirm();
    else if (event.key === "Escape") this.stop();
    else return;
    event.preventDefault();
  }

  // Moves one edge, at most to the opposite one.
  #set(edge, value) {
    const other = this.area[OPPOSITE[edge]];
    const { width, height } = this.stage.getBoundingClientRect();
    const least = MIN_PX / (isAcross(edge) ? width : height);
    const isFirst = edge === "left" || edge === "top";
    const moved = isFirst ? clamp(value, 0, Math.max(0, other - least)) : clamp(value, Math.min(1, other + least), 1);
    this.#show({ ...this.area, [edge]: moved });
  }

  #moveNearestCorner([x, y]) {
    const { left, top, right, bottom } = this.area;
    this.#set(Math.abs(x - left) < Math.abs(x - right) ? "left" : "right", x);
    this.#set(Math.abs(y - top) < Math.abs(y - bottom) ? "top" : "bottom", y);
  }

  #isLarge(area) {
    const { width, height } = this.stage.getBoundingClientRect();
    return (area.right - area.left) * width >= MIN_PX && (area.bottom - area.top) * height >= MIN_PX;
  }

  #show(area) {
    this.area = area;
    this.isInitial = false;
    this.box.hidden = false;
    this.box.style.left = `${100 * area.left}%`;
    this.box.style.top = `${100 * area.top}%`;
    this.box.style.width = `${100 * (area.right - area.left)}%`;
    this.box.style.height = `${100 * (area.bottom - area.top)}%`;
    for (const edge of EDGES) this.handles[edge].setAttribute("aria-valuenow", Math.round(100 * area[edge]));
  }

  #place(event) {
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    return [clamp((event.clientX - left) / width, 0, 1), clamp((event.clientY - top) / height, 0, 1)];
  }
}

export { WHOLE };

function edgeHandle(edge) {
  const handle = cornerHandle(edge);
  handle.removeAttribute("aria-hidden");
  handle.tabIndex = 0;
  const attributes = {
    role: "slider",
    "aria-label": `${edge[0].toUpperCase()}${edge.slice(1)} edge of the part, in percent of the image`,
    "aria-orientation": isAcross(edge) ? "horizontal" : "vertical",
    "aria-valuemin": 0,
    "aria-valuemax": 100,
    "aria-valuenow": 0,
  };
  for (const [name, value] of Object.entries(attributes)) handle.setAttribute(name, value);
  return handle;
}

function cornerHandle(edges) {
  const handle = document.createElement("div");
  handle.className = `handle ${edges}`;
  handle.dataset.edges = edges;
  handle.setAttribute("aria-hidden", "true");
  return handle;
}

function isAcross(edge) {
  return edge === "left" || edge === "right";
}

function between([x, y], [u, v]) {
  return { left: Math.min(x, u), top: Math.min(y, v), right: Math.max(x, u), bottom: Math.max(y, v) };
}

function distance([x, y], [u, v]) {
  return Math.hypot(x - u, y - v);
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
