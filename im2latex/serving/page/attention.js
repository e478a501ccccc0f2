// Tokens as chips; each shows its attention map over the image as the model saw it.

const STEP_MS = 420;
const MAX_ZOOM = 3; // beyond this only the blur grows

export class Attention {
  constructor({ seen, heat, chips, play }) {
    Object.assign(this, { seen, heat, chips, play });
    this.maps = null;
    this.timer = null;
    seen.addEventListener("load", () => (seen.style.width = `${MAX_ZOOM * seen.naturalWidth}px`));
    play.addEventListener("click", () => (this.timer ? this.pause() : this.#start()));
    for (const kind of ["pointerover", "focusin", "click"]) chips.addEventListener(kind, (event) => this.#select(event));
    chips.addEventListener("pointerleave", () => !this.timer && this.#showMap(this.chips.querySelector(":focus-visible")));
    chips.addEventListener("focusout", () => !this.timer && this.#showMap(null));
    chips.addEventListener("keydown", (event) => this.#moveFocus(event));
  }

  show({ image, tokens, attention }) {
    this.pause();
    this.seen.src = image;
    this.seen.hidden = false;
    this.play.disabled = false;
    this.maps = attention;
    this.chips.replaceChildren(...tokens.map((token, place) => chip(token, place)));
    this.#showMap(null);
  }

  clear() {
    this.pause();
    this.play.disabled = true;
    this.seen.hidden = true;
    this.seen.removeAttribute("src");
    this.maps = null;
    this.chips.replaceChildren();
    this.#showMap(null);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.play.setAttribute("aria-pressed", "false");
    this.play.textContent = "Play";
  }

  #start() {
    const all = [...this.chips.children];
    let place = 0;
    const step = () => {
      if (place === all.length) {
        this.pause();
        this.#showMap(null);
      } else this.#showMap(all[place++]);
    };
    this.timer = setInterval(step, STEP_MS);
    this.play.setAttribute("aria-pressed", "true");
    this.play.textContent = "Pause";
    step();
  }

  #select(event) {
    const at = event.target.closest(".chip");
    if (!at) return;
    this.pause();
    this.#showMap(at);
  }

  #moveFocus(event) {
    const all = [...this.chips.children];
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const from = all.indexOf(document.activeElement);
    const to = { Home: 0, End: all.length - 1 }[event.key] ?? from + (steps[event.key] ?? NaN);
    if (from < 0 || !all[to]) return;
    event.preventDefault();
    all[from].tabIndex = -1;
    all[to].tabIndex = 0;
    all[to].focus();
  }

  #showMap(at) {
    for (const one of this.chips.children) one.classList.toggle("shown", one === at);
    const map = at && this.maps?.[Number(at.dataset.place)];
    const pen = this.heat.getContext("2d");
    if (!map) {
      pen.clearRect(0, 0, this.heat.width, this.heat.height);
      return;
    }
    this.heat.width = map[0].length;
    this.heat.height = map.length;
    const peak = Math.max(1, ...map.flat());
    const [red, green, blue] = getComputedStyle(this.heat).color.match(/\d+/g).map(Number);
    const cells = pen.createImageData(this.heat.width, this.heat.height);
    map.flat().forEach((value, place) => cells.data.set([red, green, blue, 205 * (value / peak)], 4 * place));
    pen.putImageData(cells, 0, 0);
  }
}

function chip(token, place) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "chip";
  button.textContent = token;
  button.dataset.place = place;
  button.tabIndex = place === 0 ? 0 : -1;
  return button;
}
