// Signs a token and reads it back with `jose`.
import { SignJWT, jwtVerify } from "jose";
import { answer, input } from "./fixture.mjs";

const key = new Uint8Array(32);
const token = await new SignJWT({}).setProtectedHeader({ alg: "HS256" }).setSubject(input.subject).sign(key);
const { payload } = await jwtVerify(token, key);
answer({ subject: payload.sub });
