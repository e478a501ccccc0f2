// Tokens as chips; each shows a map of where the model looked, over the image as it saw it.

const STEP_MS = 420;
const MOST_ENLARGED = 3; // beyond this only the blur grows

export class Attention {
  constructor({ seen, heat, chips, play }) {
    Object.assign(this, { seen, heat, chips, play });
    this.maps = null;
    this.timer = null;
    seen.addEventListener("load", () => (seen.style.width = `${MOST_ENLARGED * seen.naturalWidth}px`));
    play.addEventListener("click", () => (this.timer ? this.pause() : this.#run()));
    for (const kind of ["pointerover", "focusin", "click"]) chips.addEventListener(kind, (event) => this.#point(event));
    chips.addEventListener("pointerleave", () => !this.timer && this.#mark(this.chips.querySelector(":focus-visible")));
    chips.addEventListener("focusout", () => !this.timer && this.#mark(null));
    chips.addEventListener("keydown", (event) => this.#walk(event));
  }

  show({ image, tokens, attention }) {
    this.pause();
    this.seen.src = image;
    this.maps = attention;
    this.chips.replaceChildren(...tokens.map((token, place) => chip(token, place)));
    this.#mark(null);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.play.setAttribute("aria-pressed", "false");
    this.play.textContent = "Play";
  }

  #run() {
    const all = [...this.chips.children];
    let place = 0;
    const step = () => {
      if (place === all.length) {
        this.pause();
        this.#mark(null);
      } else this.#mark(all[place++]);
    };
    this.timer = setInterval(step, STEP_MS);
    this.play.setAttribute("aria-pressed", "true");
    this.play.textContent = "Pause";
    step();
  }

  #point(event) {
    const at = event.target.closest(".chip");
    if (!at) return;
    this.pause();
    this.#mark(at);
  }

  #walk(event) {
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

  #mark(at) {
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
