// The formulas of this visit, newest first, each with a small image: a button brings one back.

const MAX_ENTRIES = 30;
const THUMBNAIL_PX = 320;

export class History {
  constructor(list, { onSelect, changed }) {
    Object.assign(this, { list, onSelect, changed });
    this.entries = [];
  }

  // Adds an entry with a canvas `part` and a string `latex` and makes it the current one.
  add(entry) {
    entry.item = this.#item(entry);
    this.entries.unshift(entry);
    this.list.prepend(entry.item);
    for (const old of this.entries.splice(MAX_ENTRIES)) old.item.remove();
    this.setCurrent(entry);
    this.changed(this.entries.length);
  }

  setCurrent(entry) {
    this.current = entry;
    for (const one of this.entries) one.item.firstChild.setAttribute("aria-current", one === entry);
  }

  // Stores the LaTeX as the user edited it.
  edit(latex) {
    if (!this.current) return;
    this.current.latex = latex;
    this.current.item.querySelector("code").textContent = latex;
  }

  #item(entry) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "past";
    button.addEventListener("click", () => this.onSelect(entry));
    const code = document.createElement("code");
    code.textContent = entry.latex;
    button.append(thumbnail(entry.part), code);
    item.append(button);
    return item;
  }
}

function thumbnail(canvas) {
  const factor = Math.min(1, THUMBNAIL_PX / Math.max(canvas.width, canvas.height));
  const small = document.createElement("canvas");
  small.width = Math.max(1, Math.round(canvas.width * factor));
  small.height = Math.max(1, Math.round(canvas.height * factor));
  small.setAttribute("aria-hidden", "true");
  const pen = small.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(canvas, 0, 0, small.width, small.height);
  return small;
}
