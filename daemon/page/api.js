// Requests to the daemon. Its token, where it asks for one, is kept for this tab alone and travels in a header.

const KEY = 'anyclaude-token';

/** An answer that is no success, with the daemon's own sentence. */
export class ApiError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @param {string} token */
export function keepToken(token) {
  sessionStorage.setItem(KEY, token);
}

export function hasToken() {
  return sessionStorage.getItem(KEY) !== null;
}

/**
 * Rejects with ApiError where the daemon refuses, with what `fetch` throws where it is not reached.
 * @param {string} path
 * @param {AbortSignal} [signal]
 */
export async function open(path, signal) {
  const token = sessionStorage.getItem(KEY);
  const reply = await fetch(path, {
    headers: token === null ? {} : { 'x-anyclaude-token': token },
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
    ...(signal && { signal }),
  });
  if (!reply.ok) throw new ApiError(reply.status, await sentenceOf(reply));
  return reply;
}

/**
 * @template Shape
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<Shape>}
 */
export async function getJson(path, signal) {
  return (await open(path, signal)).json();
}

/** @param {Response} reply */
async function sentenceOf(reply) {
  try {
    return String((await reply.json()).error.message);
  } catch {
    return `The daemon answered ${reply.status}.`;
  }
}
