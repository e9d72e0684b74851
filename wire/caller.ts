// Who sent the request, as far as its headers and body say: every field is absent where the client did not say.

/** Claude Code's own class of a request, sent with CLAUDE_CODE_GATEWAY_HINT_HEADERS=1. */
export type RequestClass = 'main' | 'subagent' | 'compaction' | 'auxiliary' | 'other';

export type Caller = {
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly agentType?: string;
  /** `x-claude-code-prompt-id`: one per user turn. */
  readonly promptId?: string;
  readonly requestClass?: RequestClass;
  readonly project?: string;
  readonly routeOverride?: string;
  readonly userAgent?: string;
};
