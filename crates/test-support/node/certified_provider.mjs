// A certified OpenID provider (npm oidc-provider) over TLS, on an address of loopback. Asked to rotate, it
// replaces its key. PKCE is required. Everybody has an account: the login is the subject, and what
// `input.accounts` says about a login replaces the claims made up here. With `input.lives`, in seconds, it gives access
// tokens that live so long, and refresh tokens that are spent once, and takes both back.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:https";
import Provider from "oidc-provider";
import { answer, input, serve } from "./fixture.mjs";

// It warns of what a production server must do otherwise.
console.warn = console.info = () => {};

let number = 0;

const claimsOf = (login) => ({
  sub: login,
  email: `${login}@example.com`,
  email_verified: true,
  name: `The ${login}`,
  ...input.accounts[login],
});

function configuration(kid) {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    clients: [
      {
        client_id: input.clientId,
        client_secret: input.clientSecret,
        redirect_uris: [input.redirect],
        grant_types: ["authorization_code", ...(input.lives ? ["refresh_token"] : [])],
        response_types: ["code"],
      },
    ],
    claims: { openid: ["sub", "hd"], email: ["email", "email_verified"], profile: ["name"] },
    conformIdTokenClaims: !input.addressInToken,
    cookies: { keys: ["a key for cookies"] },
    features: { devInteractions: { enabled: true }, revocation: { enabled: Boolean(input.lives) } },
    rotateRefreshToken: true,
    findAccount: (_, login) => ({ accountId: login, claims: () => claimsOf(login) }),
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" }] },
    pkce: { required: () => true, methods: ["S256"] },
    ttl: {
      Interaction: 600,
      Session: 600,
      Grant: 600,
      ...(input.lives && { AccessToken: input.lives, RefreshToken: 600 }),
    },
  };
}

let handler;
const server = createServer({ key: input.key, cert: input.certificate }, (request, response) =>
  handler(request, response),
);
server.listen(0, "127.0.0.1", async () => {
  const address = `127.0.0.1:${server.address().port}`;
  const rotate = () => {
    number += 1;
    handler = new Provider(`https://${address}`, configuration(`key-${number}`)).callback();
    return { address, key: `key-${number}` };
  };
  answer(rotate());
  await serve(rotate);
});
