/** Giving up behind PgBouncer in transaction mode, where no client knows its server's process. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "splitplane";
import { administer, COUNT, ENDLESS, pool, pooler, signer, until } from "./world.js";

const A = { tenant: "brand-a" };

/** Server connections that work on an endless call. */
const endless = () => administer("SELECT pid FROM pg_stat_activity WHERE state = 'active' AND usename = 'app' AND query LIKE '%ask(%'");

test("the statement that was given up is stopped, and the other goes on", async (t) => {
  const db = pool(t, pooler);
  const keep = new AbortController();
  const kept = ask(db, signer, { ...A, sql: ENDLESS }, { signal: keep.signal }).catch((error) => error);
  await until(async () => (await endless()).length === 1, "the first call runs");
  const [first] = await endless();
  const giveUp = new AbortController();
  const failed = assert.rejects(ask(db, signer, { ...A, sql: ENDLESS }, { signal: giveUp.signal }), { name: "AbortError", isStopped: true });
  await until(async () => (await endless()).length === 2, "the second call runs");
  giveUp.abort();
  await failed;
  assert.deepEqual(await endless(), [first]);
  keep.abort();
  assert.equal((await kept).isStopped, true);
  assert.deepEqual(await endless(), []);
  for (let count = 0; count < 20; count += 1) assert.deepEqual((await ask(db, signer, { ...A, sql: COUNT })).rows, [["50"]]);
});
