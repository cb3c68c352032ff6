import { input, serve } from "./fixture.mjs";

let count = input.from;
await serve(({ add }) => (count += add));
