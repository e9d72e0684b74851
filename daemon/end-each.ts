// The end of several things that were opened, in order: what one of them cannot do is no reason to leave the others open.

export type Part = readonly [name: string, end: () => Promise<unknown>];

/** Never rejects: an error is told with the name of its part. */
export async function endEach(
  parts: readonly Part[],
  onError: (error: unknown, part: string) => void,
): Promise<void> {
  for (const [name, end] of parts) {
    try {
      await end();
    } catch (error) {
      onError(error, name);
    }
  }
}
