// A certified OpenID provider (npm oidc-provider) over TLS. Asked to rotate, it replaces its keys.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:https";
import Provider from "oidc-provider";
import { answer, input, serve } from "./fixture.mjs";

const key = (kid) => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" };
};

const provider = (issuer, number) =>
  new Provider(issuer, {
    clients: [
      {
        client_id: input.clientId,
        client_secret: input.clientSecret,
        redirect_uris: [input.redirect],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    conformIdTokenClaims: input.conform,
    cookies: { keys: ["a key for cookies"] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: `The ${id}` }),
    }),
    jwks: { keys: [key(`key-${number}`)] },
    pkce: { required: () => true, methods: ["S256"] },
    ttl: { Interaction: 600, Session: 600, Grant: 600 },
  });

let handler = (_, response) => response.end();
const server = createServer({ key: input.key, cert: input.certificate }, (request, response) => handler(request, response));
server.listen(0, "127.0.0.1", async () => {
  const issuer = `https://issuer.test:${server.address().port}`;
  let number = 1;
  handler = provider(issuer, number).callback();
  answer({ issuer, port: server.address().port });
  await serve(() => {
    number += 1;
    handler = provider(issuer, number).callback();
    return { rotated: number };
  });
});
