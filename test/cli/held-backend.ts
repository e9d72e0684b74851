import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A model server that begins every answer at once and ends it when told. It emits `held` for each. */
export class HeldBackend {
  readonly server: Server = createServer((request, response) => {
    request.resume();
    if (request.method !== 'POST') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ object: 'list', data: [{ id: 'held-model', object: 'model' }] }));
      return;
    }
    response.setHeader('content-type', 'text/event-stream');
    response.write(chunk({ role: 'assistant', content: 'Begun' }, null));
    this.#held.push(response);
    this.server.emit('held');
  });
  readonly #held: ServerResponse[] = [];

  async listen(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    const { port } = this.server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  release(): void {
    for (const response of this.#held.splice(0)) {
      response.write(chunk({}, 'stop'));
      response.end('data: [DONE]\n\n');
    }
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

function chunk(delta: object, finish: string | null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  const body = { id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'held-model', choices };
  return `data: ${JSON.stringify(body)}\n\n`;
}
