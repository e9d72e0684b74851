// The terminal as `top` uses it: a screen of its own that is redrawn in place, keys as they are pressed, and all of it
// as it was before when it ends, however it ends.

export type FullScreen = {
  /** Draws what has changed; no line may be longer than the terminal is wide. */
  draw(lines: readonly string[]): void;
  /** Puts the terminal back. Doing it twice is harmless. */
  close(): void;
};

export type Terminal = { readonly stdin: NodeJS.ReadStream; readonly stdout: NodeJS.WriteStream };

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l';
const TO_TOP = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const CTRL_C = '\u0003';
const ESCAPE = 0x1b;

/** `quit` is called at q, Ctrl-C and the end of the input; `resized` when the terminal is. */
export function openFullScreen(
  { stdin, stdout }: Terminal,
  { quit, resized }: { readonly quit: () => void; readonly resized: () => void },
): FullScreen {
  let drawn = '';
  let isOpen = true;
  const onKeys = (keys: Buffer) => {
    // An arrow or function key is a sequence that may hold any letter.
    const isSequence = keys[0] === ESCAPE && keys.length > 1;
    if ((!isSequence && /[qQ]/.test(keys.toString('latin1'))) || keys.includes(CTRL_C)) quit();
  };
  const onResize = () => {
    drawn = '';
    resized();
  };
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    stdout.write(LEAVE);
    stdout.off('resize', onResize);
    stdin.off('data', onKeys);
    stdin.off('end', quit);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
    process.off('exit', close);
  };
  stdout.write(ENTER);
  stdout.on('resize', onResize);
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    stdin.on('data', onKeys);
    stdin.once('end', quit);
    stdin.resume();
  }
  process.once('exit', close);
  return {
    close,
    draw(lines) {
      const picture = lines.map((line) => `${line}${CLEAR_LINE}`).join('\n');
      if (!isOpen || picture === drawn) return;
      drawn = picture;
      stdout.write(`${TO_TOP}${picture}${CLEAR_BELOW}`);
    },
  };
}
