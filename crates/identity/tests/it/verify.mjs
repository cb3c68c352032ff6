// Verifies a user token as an app would, from the published keys.
import { createLocalJWKSet, jwtVerify } from "jose";
import { answer, input } from "./fixture.mjs";

const keys = createLocalJWKSet(input.keys);
const options = { issuer: input.issuer, audience: input.audience, algorithms: ["EdDSA"] };
const { payload, protectedHeader } = await jwtVerify(input.token, keys, options);

const refusal = async (token, changed) => {
  try {
    await jwtVerify(token, keys, { ...options, ...changed });
    return "accepted";
  } catch (error) {
    return error.code;
  }
};
const [header, claims, signature] = input.token.split(".");
const edited = Buffer.from(JSON.stringify({ ...payload, sub: "usr_0" })).toString("base64url");
answer({
  algorithm: protectedHeader.alg,
  claims: Object.keys(payload).sort(),
  life: payload.exp - payload.iat,
  subject: payload.sub,
  refused: [
    await refusal(input.token, { audience: input.another }),
    await refusal(input.token, { algorithms: ["ES256"] }),
    await refusal([header, edited, signature].join("."), {}),
  ],
});
