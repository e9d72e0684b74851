// `stats --watch` on a real terminal: no frame outgrows it, whatever size it has by then.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { widthOf } from '../../cli/screen.ts';
import { openDatabase } from '../../store/database.ts';
import { writeMany } from '../store/many-requests.ts';
import { newPlace, type Place } from './anyclaude.ts';
import { noPseudoTerminal, PseudoTerminal, type Size } from './pseudo-terminal.ts';

const places: Place[] = [];
const terminals: PseudoTerminal[] = [];

after(() => {
  for (const terminal of terminals) terminal.kill();
  for (const place of places) place.remove();
});

async function watching(size: Size): Promise<PseudoTerminal> {
  const place = newPlace();
  places.push(place);
  const opened = await openDatabase({
    path: join(place.home, 'anyclaude.db'),
    mode: 'write',
    nowMs: Date.now(),
  });
  assert.ok(opened.state === 'open');
  const untilMs = Date.now();
  await writeMany(opened.database, { count: 300, fromMs: untilMs - 60 * 3_600_000, untilMs });
  await opened.database.close();
  const args = ['stats', '--since', '90d', '--by', 'hour', '--watch'];
  const terminal = new PseudoTerminal(place, args, size);
  terminals.push(terminal);
  return terminal;
}

function assertFits(lines: readonly string[], { columns, rows }: Size): void {
  assert.ok(lines.length <= rows, `${lines.length} lines in ${rows} rows`);
  for (const line of lines) {
    const cells = widthOf(stripVTControlCharacters(line));
    assert.ok(cells <= columns, `${cells} cells in ${columns} columns: ${line}`);
  }
}

const isDrawn = (lines: readonly string[]) => lines.some((line) => line.includes('HOUR'));

describe('stats --watch', { skip: noPseudoTerminal }, () => {
  it('fits the terminal, draws anew as it is resized, and q puts it back', async () => {
    const wide = { columns: 120, rows: 24 };
    const terminal = await watching(wide);
    const first = await terminal.until(isDrawn);
    assertFits(first, wide);
    assert.ok(
      first.some((line) => line.includes('300 requests')),
      'the top has scrolled away',
    );
    assert.ok(first.some((line) => /and \d+ rows before these/.test(line)));
    assert.ok(first.some((line) => line.startsWith('Prompt tokens')));
    const narrow = { columns: 50, rows: 18 };
    terminal.resize(narrow);
    // stty sets one after the other, and each of them draws a frame.
    const second = await terminal.until(
      (lines) =>
        isDrawn(lines) &&
        lines.length <= narrow.rows &&
        lines.every((line) => widthOf(stripVTControlCharacters(line)) <= narrow.columns),
    );
    assert.ok(second.some((line) => line.includes('300 requests')));
    terminal.press('q');
    const { code, before, after: left, text } = await terminal.ended();
    assert.deepEqual([code, left], [0, before]);
    assert.ok(text.lastIndexOf('\u001b[?1049l') > text.lastIndexOf('\u001b[?1049h'));
  });
});
