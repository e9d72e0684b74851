// The tools of a request, and those that a tool search loads on the way. Tools stand in front of the prompt, so one
// that comes later must not join them there: its definition is shown in the very result that loaded it.

import type { Tool, WireTool } from './message.ts';
import { oncePer } from './once-per.ts';

/** A dummy of the client's, which stands for tools that are not loaded. */
const PLACEHOLDER = 'DeferredToolPlaceholder';

export type ToolShelf = {
  /** The text for a `tool_reference`: the first one to a tool shows its definition. */
  load(name: string): string;
  /** To be called once every message was read. */
  take(): { readonly tools: readonly Tool[]; readonly callable: readonly string[] };
};

export function createToolShelf(received: readonly WireTool[]): ToolShelf {
  const own = received.filter((tool) => isClientTool(tool) && tool.name !== PLACEHOLDER);
  const front = own.filter((tool) => !isDeferred(tool)).map(toTool);
  const inFront = new Set(front.map(({ name }) => name));
  const late = new Map<string, Tool>();
  for (const tool of own) if (isDeferred(tool) && !inFront.has(tool.name)) late.set(tool.name, toTool(tool));
  const shown = new Set<string>();

  return {
    load(name) {
      const tool = late.get(name);
      if (inFront.has(name) || shown.has(name)) return `The tool ${name} is loaded already.`;
      if (!tool) return `The tool ${name} is not available.`;
      shown.add(name);
      return definitionText(tool);
    },
    take() {
      // Loaded, and the result that did it is gone (a compaction): behind the others, so that those stay in place.
      const lost = [...late.values()].filter(({ name }) => !shown.has(name));
      const tools = [...front, ...lost];
      return { tools, callable: [...tools.map(({ name }) => name), ...shown] };
    },
  };
}

function isDeferred(tool: WireTool): boolean {
  return tool['defer_loading'] === true;
}

/** A tool with another type runs at Anthropic (`web_search_20250305`): no local backend has it. */
function isClientTool({ type }: WireTool): boolean {
  return type === undefined || type === null || type === 'custom';
}

/** The same tool gives the same object, so that what is made of it is made once. */
const toTool = oncePer((tool: WireTool): Tool => {
  const { name, description, input_schema: schema } = tool;
  const isObject = typeof schema === 'object' && schema !== null && !Array.isArray(schema);
  return {
    name,
    description: typeof description === 'string' ? description : '',
    inputSchema: isObject ? (schema as Tool['inputSchema']) : {},
  };
});

/** In the form in which most chat templates print the tools in front. */
function definitionText({ name, description, inputSchema }: Tool): string {
  const definition = { type: 'function', function: { name, description, parameters: inputSchema } };
  return `The tool ${name} is loaded and can be called like the others:\n${JSON.stringify(definition)}`;
}
