// Pages of a PDF: buttons and a number to choose one.

import { pdfPage } from "./api.js";
import { open } from "./image.js";
import { latest } from "./latest.js";

const latestPage = latest(pdfPage);

export async function isPdf(blob) {
  return (await blob.slice(0, 5).text()) === "%PDF-";
}

export class Pages {
  constructor({ form, previous, number, count, next }, { onPage, onError }) {
    Object.assign(this, { form, previous, number, count, next, onPage, onError });
    this.pdf = null;
    previous.addEventListener("click", () => this.show(this.page - 1));
    next.addEventListener("click", () => this.show(this.page + 1));
    number.addEventListener("change", () => this.show(Number(number.value)));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.show(Number(number.value));
    });
  }

  // Opens a PDF at its first page.
  async open(pdf) {
    this.pdf = pdf;
    this.page = 0;
    this.pages = 1;
    await this.show(1);
  }

  close() {
    latestPage.abort();
    this.pdf = null;
    this.form.hidden = true;
  }

  // Shows one page; a number beyond the last shows the last.
  async show(page) {
    const pdf = this.pdf;
    const wanted = Math.min(this.page ? this.pages : 1, Math.max(1, Math.round(page) || 1));
    if (wanted === this.page) {
      this.number.value = wanted;
      return;
    }
    let canvas;
    try {
      const found = await latestPage(pdf, wanted);
      canvas = await open(found.image);
      this.pages = found.pages;
    } catch (error) {
      if (error.name !== "AbortError") this.onError(error);
      return;
    }
    if (pdf !== this.pdf) return;
    this.page = wanted;
    this.number.value = wanted;
    this.number.max = this.pages;
    this.count.textContent = this.pages;
    this.previous.disabled = wanted === 1;
    this.next.disabled = wanted === this.pages;
    this.form.hidden = false;
    await this.onPage(canvas);
  }
}
