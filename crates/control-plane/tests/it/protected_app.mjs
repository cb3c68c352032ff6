// An app's own server that believes nobody but the platform: it answers only those who bring a user token
// that the platform signed for this app, checked with `jose` and the published keys.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Agent } from "node:https";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { answer, input } from "./fixture.mjs";

// Not every resolver knows that names below localhost are loopback.
const lookup = (_, options, found) =>
  options.all ? found(null, [{ address: "127.0.0.1", family: 4 }]) : found(null, "127.0.0.1", 4);
const agent = new Agent({ ca: readFileSync(input.authority), lookup });
const keys = createRemoteJWKSet(new URL(input.keys), { agent });
const expected = {
  issuer: input.issuer,
  audience: input.audience,
  algorithms: ["EdDSA"],
  requiredClaims: ["sub", "aud", "iat", "exp", "iss"],
};

const server = createServer(async (request, response) => {
  try {
    const { payload } = await jwtVerify(request.headers["x-vybe-user-token"] ?? "", keys, expected);
    response.end(payload.sub);
  } catch (error) {
    response.statusCode = 401;
    response.end(String(error.code));
  }
});
server.listen(0, "127.0.0.1", () => answer({ port: server.address().port }));
