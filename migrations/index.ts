// Every step, in order. Listed here rather than read from the folder, so that the compiled package finds them.

import type { Migration } from 'kysely/migration';
import { up as requests } from './0001-requests.ts';
import { up as predictions } from './0002-predictions.ts';
import { up as cacheBreaks } from './0003-cache-breaks.ts';
import { up as warmups } from './0004-warmups.ts';
import { up as rollups } from './0005-rollups.ts';
import { up as learned } from './0006-learned.ts';

/** Keys sort in the order of the steps; a key that was released is never renamed. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-requests': { up: requests },
  '0002-predictions': { up: predictions },
  '0003-cache-breaks': { up: cacheBreaks },
  '0004-warmups': { up: warmups },
  '0005-rollups': { up: rollups },
  '0006-learned': { up: learned },
};
