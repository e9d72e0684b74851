// What is known of a daemon from all that it told. Pure: an event in, the next view out.

import type { LiveRequest } from '../daemon/live.ts';
import type { StatusReport } from '../daemon/status.ts';
import type { DaemonEvent } from './daemon-events.ts';

export type LiveView = {
  readonly connected: boolean;
  /** Undefined before the first hello. */
  readonly status?: StatusReport;
  /** When it was told: `uptimeS` is of then. */
  readonly statusAtMs: number;
  /** In the order they came. */
  readonly requests: readonly LiveRequest[];
  /** Ended, the newest first. */
  readonly recent: readonly LiveRequest[];
};

export const NOTHING_KNOWN: LiveView = { connected: false, statusAtMs: 0, requests: [], recent: [] };

const MOST_RECENT = 100;

export function viewAfter(view: LiveView, told: DaemonEvent, nowMs: number): LiveView {
  switch (told.event) {
    case 'hello': {
      const { requests, recent, status } = told.data;
      return { connected: true, requests, recent, status, statusAtMs: nowMs };
    }
    case 'status':
      return { ...view, status: told.data, statusAtMs: nowMs };
    case 'request':
      return told.data.phase === 'ended' ? withEnded(view, told.data) : withRunning(view, told.data);
    case 'lost':
      // What was in flight has ended with it, nobody knows how.
      return { ...view, connected: false, requests: [] };
    default:
      return told satisfies never;
  }
}

function withEnded(view: LiveView, ended: LiveRequest): LiveView {
  const others = (requests: readonly LiveRequest[]) =>
    requests.filter(({ requestId }) => requestId !== ended.requestId);
  return {
    ...view,
    requests: others(view.requests),
    recent: [ended, ...others(view.recent)].slice(0, MOST_RECENT),
  };
}

function withRunning(view: LiveView, request: LiveRequest): LiveView {
  const at = view.requests.findIndex(({ requestId }) => requestId === request.requestId);
  return { ...view, requests: at < 0 ? [...view.requests, request] : view.requests.with(at, request) };
}
