// What every script of the tests needs: its input, a way to answer, and further questions.
import { createInterface } from "node:readline";

// Standard output carries answers only.
console.log = console.info = console.debug = console.error;

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** The input given by the test. */
export const input = JSON.parse((await lines.next()).value);

/** Sends a value back to the test. */
export function answer(value) {
  process.stdout.write(`${JSON.stringify(value ?? null)}\n`);
}

/** Answers every further question with what `reply` makes of it, until the test ends; then calls `end`. */
export async function serve(reply, end) {
  process.stdin.ref?.();
  process.stdin.resume();
  for (;;) {
    const { value, done } = await lines.next();
    if (done) {
      await end?.();
      process.exit(0);
    }
    answer(await reply(JSON.parse(value)));
  }
}

// A script that does not serve ends by itself although standard input is open.
process.stdin.unref?.();
process.stdin.pause();
