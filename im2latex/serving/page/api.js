// The server's two routes. Both throw an Error whose message is a sentence for people.

export async function predict(blob, signal) {
  const answer = await ask("/predict?candidates=5&attention=true", {
    method: "POST",
    headers: { "content-type": blob.type || "application/octet-stream" },
    body: blob,
    signal,
  });
  return answer.json();
}

export async function render(latex, signal) {
  const answer = await ask("/render", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ latex }),
    signal,
  });
  return answer.blob();
}

async function ask(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is it still running?");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.error ?? `The server answered with status ${answer.status}.`);
}

// Runs one question at a time: a new one ends the one before.
export function latest(question) {
  let running = null;
  return (...given) => {
    running?.abort();
    running = new AbortController();
    return question(...given, running.signal);
  };
}
