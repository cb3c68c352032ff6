// Reads a user token as an app would: with `jose` and the keys that the platform publishes over HTTPS.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { SignJWT, UnsecuredJWT, createRemoteJWKSet, jwtVerify } from "jose";
import { answer, input } from "./fixture.mjs";

// Not every resolver knows that names below localhost are loopback.
const lookup = (_, options, found) =>
  options.all ? found(null, [{ address: "127.0.0.1", family: 4 }]) : found(null, "127.0.0.1", 4);
const agent = new Agent({ ca: readFileSync(input.authority), lookup });
const keys = createRemoteJWKSet(new URL(input.keys), { agent });

const expected = { issuer: input.issuer, audience: input.audience, algorithms: ["EdDSA"] };
const { payload, protectedHeader } = await jwtVerify(input.token, keys, {
  ...expected,
  typ: "JWT",
  requiredClaims: ["sub", "aud", "iat", "exp", "iss"],
});
const published = keys.jwks().keys.find((key) => key.kid === protectedHeader.kid);

const refusal = async (token, changed) => {
  try {
    await jwtVerify(token, keys, { ...expected, ...changed });
    return "accepted";
  } catch (error) {
    return error.code;
  }
};
const [header, claims, signature] = input.token.split(".");
const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const editedClaims = [header, encode({ ...payload, sub: "usr_00000000000000000000000000000000" }), signature].join(".");
const editedHeader = [encode({ ...protectedHeader, extra: 1 }), claims, signature].join(".");
const expiredNow = { currentDate: new Date(payload.exp * 1000) };

const pem = createPublicKey({ key: published, format: "jwk" }).export({ type: "spki", format: "pem" });
const rawKey = Buffer.from(published.x, "base64url");
const signed = (changedHeader, changedClaims, key) =>
  new SignJWT({ ...payload, ...changedClaims }).setProtectedHeader({ ...protectedHeader, ...changedHeader }).sign(key);
const foreign = (type, options) => generateKeyPairSync(type, options).privateKey;
const elliptic = foreign("ec", { namedCurve: "P-256" });
const rsa = foreign("rsa", { modulusLength: 2048 });
const edwards = foreign("ed25519");
const flipped = Buffer.from(signature, "base64url");
flipped[0] ^= 1;

const forged = {
  editedClaims,
  editedHeader,
  flippedSignature: [header, claims, flipped.toString("base64url")].join("."),
  noSignature: [header, claims, ""].join("."),
  unsigned: new UnsecuredJWT(payload).encode(),
  hmacWithPem: await signed({ alg: "HS256" }, {}, Buffer.from(pem)),
  hmacWithRawKey: await signed({ alg: "HS256" }, {}, rawKey),
  es256: await signed({ alg: "ES256" }, {}, elliptic),
  rs256: await signed({ alg: "RS256" }, {}, rsa),
  foreignKey: await signed({}, {}, edwards),
};

// With the platform's own key: whatever is refused now is refused for what it says.
async function signedByTheRightKey() {
  // A PKCS#8 of version 2 (RFC 8410), which OpenSSL does not read: the seed follows 16 bytes of header.
  const seed = Buffer.from(input.privateKey, "hex").subarray(16, 48);
  const { kty, crv, x } = published;
  const key = createPrivateKey({ key: { kty, crv, x, d: seed.toString("base64url") }, format: "jwk" });
  const now = Math.floor(Date.now() / 1000);
  const make = (changedClaims, changedHeader = {}) => signed(changedHeader, changedClaims, key);
  const without = (name) => make({ [name]: undefined });
  return {
    honest: await make({}),
    otherAudience: await make({ aud: input.otherAudience }),
    twoAudiences: await make({ aud: [input.audience, input.otherAudience] }),
    otherIssuer: await make({ iss: "https://elsewhere.test" }),
    otherSubject: await make({ sub: "usr_00000000000000000000000000000000" }),
    expired: await make({ iat: now - 900, exp: now - 120 }),
    fromTheFuture: await make({ iat: now + 120, exp: now + 900 }),
    timeAsText: await make({ exp: String(payload.exp) }),
    noAudience: await without("aud"),
    noExpiry: await without("exp"),
    noIssuer: await without("iss"),
    noSubject: await without("sub"),
    unknownKeyName: await make({}, { kid: "key_00000000000000000000000000000000" }),
  };
}

answer({
  algorithm: protectedHeader.alg,
  claims: Object.keys(payload).sort(),
  life: payload.exp - payload.iat,
  subject: payload.sub,
  keyIsPublished: published !== undefined,
  publishedKeyFields: Object.keys(published).sort(),
  refused: {
    otherAudience: await refusal(input.token, { audience: input.otherAudience }),
    otherIssuer: await refusal(input.token, { issuer: "https://elsewhere.test" }),
    otherAlgorithm: await refusal(input.token, { algorithms: ["ES256"] }),
    editedClaims: await refusal(editedClaims, {}),
    editedHeader: await refusal(editedHeader, {}),
    after780Seconds: await refusal(input.token, expiredNow),
  },
  forged,
  signed: input.privateKey ? await signedByTheRightKey() : null,
});
