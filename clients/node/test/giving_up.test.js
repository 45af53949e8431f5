/** Giving up: the statement ends in the server, as pg_stat_activity sees it, and nothing else is hit. */

import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { ask, askRows, GivenUpError } from "splitplane";
import { administer, connection, COUNT, ENDLESS, pool, signer, until, working } from "./world.js";

const A = { tenant: "brand-a" };

/** A pool whose backends are told from others by this name. */
const named = (t, name, more = {}) => pool(t, { application_name: name, max: 1, ...more });

/** Calls, and gives up when the server is seen to work on it. */
async function givenUp(db, name, call) {
  const controller = new AbortController();
  const failed = call(db, controller.signal).then(() => assert.fail("the call ended by itself"), (error) => error);
  await until(async () => (await working(name)).length === 1, "the call runs");
  const began = Date.now();
  controller.abort();
  const error = await failed;
  return { error, milliseconds: Date.now() - began };
}

const CALLS = {
  ask: (db, signal) => ask(db, signer, { ...A, sql: ENDLESS }, { signal }),
  askRows: (db, signal) => askRows(db, signer, { ...A, sql: ENDLESS }, { count: "bigint" }, { signal }),
};

for (const [name, call] of Object.entries(CALLS)) {
  test(`a signal stops the statement in the server: ${name}`, async (t) => {
    const db = named(t, `aborted ${name}`);
    const { error, milliseconds } = await givenUp(db, `aborted ${name}`, call);
    assert.ok(error instanceof GivenUpError);
    assert.deepEqual([error.name, error.sqlstate, error.isStopped], ["AbortError", "57014", true]);
    assert.deepEqual(await working(`aborted ${name}`), []);
    assert.ok(milliseconds < 3000, `${milliseconds} ms`);
    // The connection is the same one, and what comes next is not hit.
    const [{ pid }] = (await db.query("SELECT pg_backend_pid() AS pid")).rows;
    for (let count = 0; count < 20; count += 1) assert.deepEqual((await ask(db, signer, { ...A, sql: COUNT })).rows, [["50"]]);
    assert.equal((await db.query("SELECT pg_backend_pid() AS pid")).rows[0].pid, pid);
  });
}

test("a time that is over stops it", async (t) => {
  const db = named(t, "late");
  await assert.rejects(ask(db, signer, { ...A, sql: ENDLESS }, { timeout: 400 }), { name: "TimeoutError", isStopped: true });
  assert.deepEqual(await working("late"), []);
});

test("query_timeout of the pool stops it as well", async (t) => {
  const db = named(t, "pool's time", { query_timeout: 400 });
  await assert.rejects(ask(db, signer, { ...A, sql: ENDLESS }), { name: "TimeoutError", isStopped: true });
  assert.deepEqual(await working("pool's time"), []);
});

test("the control: query_timeout of pg leaves the statement running", async (t) => {
  const db = named(t, "left running", { query_timeout: 400 });
  const context = JSON.stringify(await signer.sign(A, ENDLESS));
  await assert.rejects(db.query("SELECT ask($1::text::jsonb, sql => $2)", [context, ENDLESS]), /Query read timeout/);
  assert.equal((await working("left running")).length, 1);
  await administer("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'left running'");
});

test("a client can be used again afterwards, and its other statements are not hit", async (t) => {
  const client = new pg.Client(connection("app", { application_name: "one client" }));
  await client.connect();
  t.after(() => client.end());
  const { error } = await givenUp(client, "one client", CALLS.ask);
  assert.equal(error.isStopped, true);
  assert.deepEqual((await ask(client, signer, { ...A, sql: COUNT })).rows, [["50"]]);
});

test("a call that waits its turn on a client is never sent, and the one before it goes on", async (t) => {
  const client = new pg.Client(connection("app", { application_name: "queue" }));
  await client.connect();
  t.after(() => client.end());
  const first = client.query("SELECT pg_sleep(1), 'done' AS is");
  await assert.rejects(ask(client, signer, { ...A, sql: ENDLESS }, { timeout: 200 }), { name: "TimeoutError", isStopped: true });
  assert.equal((await first).rows[0].is, "done");
  assert.deepEqual((await ask(client, signer, { ...A, sql: COUNT }, { timeout: 5000 })).rows, [["50"]]);
});

test("a wait for a connection can be given up, and the connection is not lost", async (t) => {
  const db = named(t, "busy pool");
  const held = await db.connect();
  await assert.rejects(ask(db, signer, { ...A, sql: COUNT }, { timeout: 100 }), { name: "TimeoutError", isStopped: true });
  held.release();
  assert.deepEqual((await ask(db, signer, { ...A, sql: COUNT })).rows, [["50"]]);
});

test("a signal that was aborted before sends nothing", async (t) => {
  const db = named(t, "never");
  await assert.rejects(ask(db, signer, { ...A, sql: COUNT }, { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal((await administer("SELECT 1 FROM pg_stat_activity WHERE application_name = 'never'")).length <= 1, true);
  const slow = { sign: () => new Promise(() => {}) };
  await assert.rejects(ask(db, slow, { ...A, sql: COUNT }, { timeout: 100 }), { name: "TimeoutError", isStopped: true });
  assert.deepEqual((await ask(db, signer, { ...A, sql: COUNT })).rows, [["50"]]);
});

test("the time covers all tries, and the pauses between them", async (t) => {
  const db = new pg.Pool(connection("app", { port: 1 }));
  t.after(() => db.end());
  const began = Date.now();
  await assert.rejects(ask(db, signer, { ...A, sql: COUNT }, { tries: 1000, timeout: 1000 }), { name: "TimeoutError" });
  assert.ok(Date.now() - began < 3000);
});

const DEAF = {
  // As behind a balancer that sends the cancel to another server.
  "goes elsewhere": (client) => (client.secretKey += 1),
  "has no key": (client) => (client.processID = null),
};

for (const [name, deafen] of Object.entries(DEAF)) {
  test(`where the cancel ${name}, the error says so, and the connection is not used again`, async (t) => {
    const db = named(t, name);
    const client = await db.connect();
    const [{ pid }] = (await client.query("SELECT pg_backend_pid() AS pid")).rows;
    deafen(client);
    client.release();
    const { error } = await givenUp(db, name, CALLS.ask);
    assert.deepEqual([error.name, error.isStopped], ["AbortError", false]);
    assert.match(error.message, /may go on/);
    await administer("SELECT pg_terminate_backend($1)", [pid]);
    assert.notEqual((await db.query("SELECT pg_backend_pid() AS pid")).rows[0].pid, pid);
  });
}
