// Signs with @smithy/signature-v4, the signer of the AWS SDK for JavaScript v3:
//   node smithy.js AUDIENCE TENANT TEXT [BUSINESS [SUBJECT]]
// The key is in SPLITPLANE_KEY_ID and SPLITPLANE_SECRET. Prints the context, which is good for one call.

import { randomBytes } from "node:crypto";
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";

async function signedContext(audience, tenant, text, business, subject) {
  const signer = new SignatureV4({
    service: "splitplane",
    region: "us-east-1",
    sha256: Sha256,
    credentials: { accessKeyId: process.env.SPLITPLANE_KEY_ID, secretAccessKey: process.env.SPLITPLANE_SECRET },
  });
  const headers = {
    host: audience, // without it among the headers, host is not signed
    "x-splitplane-tenant": tenant,
    "x-splitplane-nonce": randomBytes(16).toString("hex"),
  };
  if (business) headers["x-splitplane-business"] = business;
  if (subject) headers["x-splitplane-subject"] = subject;
  const request = { method: "POST", protocol: "https:", hostname: audience, path: "/ask", body: text, headers };
  return JSON.stringify((await signer.sign(request)).headers);
}

console.log(await signedContext(...process.argv.slice(2)));
