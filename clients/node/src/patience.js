/** How long a caller waits: its own signal and a time, as one signal whose reason says which of them it was. */

/**
 * @param {AbortSignal | undefined} signal
 * @param {number | undefined} milliseconds no limit if undefined or 0
 * @returns {{ signal: AbortSignal, name: () => "AbortError" | "TimeoutError", end: () => void }}
 */
export function patience(signal, milliseconds) {
  const own = new AbortController();
  /** @type {"AbortError" | "TimeoutError"} */
  let name = "AbortError";
  const aborted = () => own.abort();
  const timer = milliseconds
    ? setTimeout(() => {
        if (!own.signal.aborted) name = "TimeoutError";
        own.abort();
      }, milliseconds)
    : undefined;
  signal?.addEventListener("abort", aborted, { once: true });
  if (signal?.aborted) own.abort();
  return {
    signal: own.signal,
    name: () => name,
    end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
    },
  };
}

/**
 * Waits for the promise, or until the signal is aborted.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal} signal
 * @returns {Promise<{ value: T } | null>} null when the signal came first
 */
export async function unlessAborted(promise, signal) {
  /** @type {() => void} */
  let stop = () => {};
  const aborted = new Promise((resolve) => {
    stop = () => resolve(null);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([promise.then((value) => ({ value })), /** @type {Promise<null>} */ (aborted)]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} signal ends the wait early
 */
export async function pause(milliseconds, signal) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  await unlessAborted(new Promise((resolve) => (timer = setTimeout(resolve, milliseconds))), signal);
  clearTimeout(timer);
}
