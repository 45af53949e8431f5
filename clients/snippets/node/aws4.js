// Signs with npm's aws4:
//   node aws4.js AUDIENCE TENANT TEXT [BUSINESS [SUBJECT]]
// The key is in SPLITPLANE_KEY_ID and SPLITPLANE_SECRET. Prints the context, which is good for one call.

import { randomBytes } from "node:crypto";
import aws4 from "aws4";

function signedContext(audience, tenant, text, business, subject) {
  const key = { accessKeyId: process.env.SPLITPLANE_KEY_ID, secretAccessKey: process.env.SPLITPLANE_SECRET };
  const headers = { "x-splitplane-tenant": tenant, "x-splitplane-nonce": randomBytes(16).toString("hex") };
  if (business) headers["x-splitplane-business"] = business;
  if (subject) headers["x-splitplane-subject"] = subject;
  const request = { method: "POST", host: audience, path: "/ask", service: "splitplane", region: "us-east-1", body: text, headers };
  const signed = aws4.sign(request, key).headers;
  // Its Content-Length is a number.
  return JSON.stringify(Object.fromEntries(Object.entries(signed).map(([name, value]) => [name, String(value)])));
}

console.log(signedContext(...process.argv.slice(2)));
