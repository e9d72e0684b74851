// Server-sent events out of a stream of bytes. `EventSource` would do, but it can send no header, and a token has no
// place in an address.

/** @typedef {{ name: string, data: string }} ServerEvent */

/**
 * Ends with the stream; rejects where that breaks off. `heard` is called for each piece, pings included.
 * @param {ReadableStream<Uint8Array>} body
 * @param {{ heard: () => void, event: (event: ServerEvent) => void }} told
 */
export async function readEvents(body, { heard, event }) {
  const parser = createParser(event);
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    parser(decoder.decode(value, { stream: true }));
  }
}

/** @param {(event: ServerEvent) => void} emit */
export function createParser(emit) {
  let rest = '';
  let name = '';
  /** @type {string[]} */
  let data = [];

  /** @param {string} line */
  function take(line) {
    if (line === '') {
      if (data.length > 0) emit({ name: name || 'message', data: data.join('\n') });
      name = '';
      data = [];
    } else if (line.startsWith('event:')) name = line.slice(6).trim();
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
  }

  /** @param {string} text */
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line.replace(/\r$/, ''));
  };
}
