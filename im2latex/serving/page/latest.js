// Runs one request at a time: a new one aborts the previous one.
export function latest(send) {
  let controller = null;
  const run = (...values) => {
    controller?.abort();
    controller = new AbortController();
    return send(...values, controller.signal);
  };
  run.abort = () => controller?.abort();
  return run;
}
