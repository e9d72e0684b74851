// The thread that reads the record of requests: SQLite answers while it is waited for, and a question over a million
// rows must not keep a stream waiting.

import { parentPort } from 'node:worker_threads';
import { openDatabase } from '../../store/database.ts';
import { answerFrom, answerFromNothing } from './question.ts';
import type { Asked, Told } from './reader.ts';

parentPort?.on('message', async (asked: Asked) => {
  const answer = await tell(asked).catch((error) => ({ problem: String(error) }));
  parentPort?.postMessage({ id: asked.id, ...answer } satisfies Told);
});

/** Opened anew for each question: the file may have been moved aside, or be a newer one, since the last. */
async function tell({ path, question, nowMs }: Asked): Promise<Pick<Told, 'answer' | 'problem'>> {
  const opened = await openDatabase({ path, mode: 'read', nowMs });
  if (opened.state === 'unusable') {
    return opened.why === 'missing' ? given(answerFromNothing(question)) : { problem: opened.message };
  }
  try {
    return given(await answerFrom(opened.database.db, question));
  } finally {
    await opened.database.close();
  }
}

function given(answer: object | undefined): Pick<Told, 'answer'> {
  return answer === undefined ? {} : { answer };
}
