// `router/decode.ts` in SQL, of rows of `requests`. Plain text: the status line has no time to load Kysely.

import { SHORTEST_DECODE_MS } from '../router/decode.ts';

export const DECODE_MS = '(duration_ms - first_token_ms)';
export const DECODE_TOKENS = '(output_tokens - 1)';
export const DECODED = `(result = 'completed' and output_tokens >= 2 and ${DECODE_MS} >= ${SHORTEST_DECODE_MS})`;
