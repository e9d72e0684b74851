// What a failed connection means. Errors come from undici, from the socket and from name resolution; a code is all
// they have in common.

import { errors } from 'undici';
import type { FaultReport } from '../wire/error.ts';

/** Undefined where the error is no connection's: then it is a bug of ours. */
export function faultOfConnection(error: unknown): FaultReport | undefined {
  if (error instanceof errors.HTTPParserError)
    return { fault: 'protocol', message: 'It does not speak HTTP.' };
  const code = codeOf(error);
  if (code === undefined) return undefined;
  if (UNREACHABLE.has(code)) return { fault: 'connect', message: `Nothing answers there (${code}).` };
  if (TLS.test(code)) return { fault: 'connect', message: `No secure connection can be made (${code}).` };
  if (BROKEN.has(code)) return { fault: 'reset', message: `It closed the connection (${code}).` };
  if (code === 'UND_ERR_INVALID_ARG') {
    return { fault: 'rejected', message: 'A header of the request cannot be sent on.' };
  }
  return undefined;
}

const UNREACHABLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ETIMEDOUT',
  'EADDRNOTAVAIL',
  'EACCES',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const TLS = /^(ERR_(SSL|TLS)_|CERT_|EPROTO$|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/;
const BROKEN: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_ABORTED',
  'UND_ERR_DESTROYED',
  'UND_ERR_CLOSED',
]);

/** A name with several addresses fails with one error that holds the others. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error instanceof AggregateError ? error.errors.map(codeOf).find((code) => code) : undefined;
}
