/** Signed contexts: the headers of a request `POST https://{audience}/ask` that was signed with SigV4, and never sent. */

import { randomBytes } from "node:crypto";
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";

/**
 * Who asks, as your own authentication has it; never from the model, a prompt or the body of a request.
 *
 * @typedef {object} Principal
 * @property {string} tenant
 * @property {string} [business] the business within the tenant
 * @property {string} [subject] the user
 * @property {string} [conversation] a UUID that ties follow-up questions together
 */

/**
 * Signed headers by name. Good for one call.
 *
 * @typedef {Record<string, string>} Context
 */

/**
 * What `ask` takes to sign with: a `Signer`, or your own that asks a service which keeps the key.
 *
 * @typedef {object} ContextSigner
 * @property {(principal: Principal, text: string) => Promise<Context>} sign
 */

const HEADERS = /** @type {const} */ (["tenant", "business", "subject", "conversation"]);

/** Signs with a key of `splitplane.create_key`. The secret shows in no property, JSON or `console.log` of it. */
export class Signer {
  #signer;
  #audience;

  /**
   * @param {object} key
   * @param {string} key.keyId
   * @param {string} key.secret
   * @param {string} key.audience `splitplane.audience`, by default the database's name
   * @param {string} [key.region] part of what is signed; any will do
   */
  constructor({ keyId, secret, audience, region = "us-east-1" }) {
    for (const [name, value] of Object.entries({ keyId, secret, audience, region })) {
      if (typeof value !== "string" || value === "") throw new TypeError(`${name} must be a text`);
    }
    this.#audience = audience;
    this.#signer = new SignatureV4({
      service: "splitplane",
      region,
      sha256: Sha256,
      credentials: { accessKeyId: keyId, secretAccessKey: secret },
    });
  }

  /**
   * A fresh context for one call.
   *
   * @param {Principal} principal
   * @param {string} text the question if there is one, else the SQL
   * @returns {Promise<Context>}
   */
  async sign(principal, text) {
    if (typeof text !== "string" || Buffer.from(text).toString() !== text) {
      throw new TypeError("what is signed must be a text without unpaired surrogates");
    }
    /** @type {Context} */
    const own = {
      // This signer signs host only where it is among the headers.
      host: this.#audience,
      "x-splitplane-nonce": randomBytes(16).toString("hex"),
    };
    for (const name of HEADERS) {
      const value = principal[name];
      if (value === undefined && name !== "tenant") continue;
      if (typeof value !== "string") throw new TypeError(`${name} must be a text`);
      own[`x-splitplane-${name}`] = value;
    }
    const { headers } = await this.#signer.sign({
      method: "POST",
      protocol: "https:",
      hostname: this.#audience,
      path: "/ask",
      body: text,
      headers: own,
    });
    return headers;
  }
}
