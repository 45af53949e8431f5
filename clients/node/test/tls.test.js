/** Giving up over TLS: the cancel is encrypted too, and goes to where the connection is. */

import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import pg from "pg";
import { ask } from "splitplane";
import { connection, COUNT, ENDLESS, signer, tls, until, working } from "./world.js";

const A = { tenant: "brand-a" };
/** The eight bytes by which a client asks for TLS. */
const REQUEST = "0000000804d2162f";

/** Relays connections to the server, and notes how each begins. */
async function relay(t) {
  const begun = [];
  const server = net.createServer((from) => {
    const to = net.connect(tls.port, "127.0.0.1");
    from.once("data", (bytes) => begun.push(bytes.subarray(0, 8).toString("hex")));
    from.pipe(to).pipe(from);
    for (const end of [from, to]) end.on("error", () => {});
  });
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  t.after(() => server.close());
  return { port: server.address().port, begun };
}

for (const [name, ssl] of Object.entries({ verified: { ca: tls?.certificate }, "not verified": { rejectUnauthorized: false } })) {
  test(`the statement is stopped: ${name}`, async (t) => {
    const { port, begun } = await relay(t);
    const application_name = `tls ${name}`;
    const db = new pg.Pool(connection("app", { host: "localhost", port, ssl, application_name, max: 1 }));
    try {
      const giveUp = new AbortController();
      const failed = assert.rejects(ask(db, signer, { ...A, sql: ENDLESS }, { signal: giveUp.signal }), { name: "AbortError", isStopped: true });
      await until(async () => (await working(application_name)).length === 1, "the call runs");
      giveUp.abort();
      await failed;
      assert.deepEqual(await working(application_name), []);
      assert.deepEqual(begun, [REQUEST, REQUEST]);
      assert.deepEqual((await ask(db, signer, { ...A, sql: COUNT })).rows, [["50"]]);
    } finally {
      await db.end();
    }
  });
}
