// Requests to the server. All throw an Error whose message is a sentence for the user.

export async function predict(blob, { attention = false, effort = "normal" }, signal) {
  const query = `candidates=5&attention=${attention}&effort=${effort}`;
  const response = await request(`/predict?${query}`, upload(blob, signal));
  return response.json();
}

// One page of a PDF: `image`, a data URL; `page`; and `pages`, their number.
export async function pdfPage(blob, page, signal) {
  const response = await request(`/pdf-page?page=${page}`, upload(blob, signal));
  return response.json();
}

export async function render(latex, signal) {
  const response = await request("/render", json({ latex }, signal));
  return response.blob();
}

// The formula in a format that the page cannot write itself.
export async function convertFormat(latex, format, signal) {
  const response = await request("/format", json({ latex, format }, signal));
  return (await response.json()).formatted;
}

// State of the server; `rendering`: whether it has TeX.
export async function health() {
  return (await request("/healthz", {})).json();
}

function json(content, signal) {
  return {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(content),
    signal,
  };
}

function upload(blob, signal) {
  return { method: "POST", headers: { "content-type": blob.type || "application/octet-stream" }, body: blob, signal };
}

async function request(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not respond. Is it still running?");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const error = new Error(body.error ?? `The server responded with status ${response.status}.`);
  error.reason = body.reason;
  error.isTimeout = response.status === 503;
  throw error;
}
