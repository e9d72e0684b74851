// The Anthropic Messages API as Claude Code sends it, and the Conversation that everything behind the
// ingress works on. WireRequest is what was received, parsed at the edge and trusted from there on;
// Conversation is the same request made byte-stable (see normalise.ts): no nonce, no moving parts.

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: Json };

// ---- As received -------------------------------------------------------------------------------------

/** A content block as received: its `type` is known to be a string, the rest is read where it is used. */
export type WireBlock = { readonly type: string } & JsonObject;

export type WireMessage = {
  readonly role: 'user' | 'assistant' | 'system';
  readonly content: string | readonly WireBlock[];
};

/** `type` is set on server tools (`web_search_20250305`); `name` is always a string. */
export type WireTool = { readonly name: string } & JsonObject;

export type WireRequest = {
  readonly model: string;
  readonly messages: readonly WireMessage[];
  readonly system: readonly WireBlock[];
  readonly tools: readonly WireTool[];
  readonly stream: boolean;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly stopSequences: readonly string[];
  readonly toolChoice?: JsonObject;
  /** `output_config`: read for the title call's JSON schema. Never sent to a local backend. */
  readonly outputConfig?: JsonObject;
  /** The session id inside the JSON string `metadata.user_id`. */
  readonly metadataSessionId?: string;
  /** Body key `anyclaude_route` (CLAUDE_CODE_EXTRA_BODY): a user's override. */
  readonly routeOverride?: string;
  /** True where the body holds `safeguards` (auto mode): never forwarded to a local backend, never answered. */
  readonly hasSafeguards: boolean;
};

// ---- Normalised --------------------------------------------------------------------------------------

export type Tool = { readonly name: string; readonly description: string; readonly inputSchema: JsonObject };

export type TextPart = { readonly kind: 'text'; readonly text: string };
export type ImagePart = { readonly kind: 'image'; readonly mediaType: string; readonly base64: string };
export type ToolUsePart = {
  readonly kind: 'tool-use';
  readonly id: string;
  readonly name: string;
  readonly input: JsonObject;
};
export type ToolResultPart = {
  readonly kind: 'tool-result';
  readonly toolUseId: string;
  readonly isError: boolean;
  readonly content: readonly (TextPart | ImagePart)[];
};

export type UserMessage = {
  readonly role: 'user';
  readonly parts: readonly (TextPart | ImagePart | ToolResultPart)[];
};
export type AssistantMessage = {
  readonly role: 'assistant';
  readonly parts: readonly (TextPart | ToolUsePart)[];
};
/** Roles alternate: neighbours of one role are merged. */
export type Message = UserMessage | AssistantMessage;

export type ToolChoice =
  | { readonly kind: 'auto' }
  | { readonly kind: 'none' }
  | { readonly kind: 'any' }
  | { readonly kind: 'tool'; readonly name: string };

export type Conversation = {
  readonly system: string;
  readonly tools: readonly Tool[];
  readonly messages: readonly Message[];
  /** Names that the model may call: `tools` and those loaded later by tool search. */
  readonly callable: readonly string[];
  readonly maxTokens: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly stopSequences: readonly string[];
  readonly toolChoice: ToolChoice;
  readonly hasImages: boolean;
};
