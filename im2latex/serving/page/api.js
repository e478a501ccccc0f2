// Requests to the server's two routes. Both throw an Error whose message is a sentence for the user.

export async function predict(blob, signal) {
  const response = await request("/predict?candidates=5&attention=true", {
    method: "POST",
    headers: { "content-type": blob.type || "application/octet-stream" },
    body: blob,
    signal,
  });
  return response.json();
}

export async function render(latex, signal) {
  const response = await request("/render", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ latex }),
    signal,
  });
  return response.blob();
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
  throw new Error(body.error ?? `The server responded with status ${response.status}.`);
}

// Runs one request at a time: a new one aborts the previous one.
export function latest(send) {
  let controller = null;
  return (...values) => {
    controller?.abort();
    controller = new AbortController();
    return send(...values, controller.signal);
  };
}
