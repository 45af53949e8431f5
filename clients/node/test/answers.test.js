/** Answers: who asks, digits, and what is sent again. */

import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { ask, askRows, SplitplaneError } from "splitplane";
import { administer, connection, COUNT, pool, signer } from "./world.js";

const A = { tenant: "brand-a" };
const FIGURES = "SELECT whole, exact, lists, ratio, small, part, document, at FROM figures";
const DECLARED = {
  whole: "bigint", exact: "numeric", lists: "numeric[]", ratio: "double precision",
  small: "integer", part: "text", document: "jsonb", at: "timestamp with time zone",
};
// As pg_test/clients_more/world.sql has them.
const VALUES = [
  "9007199254740993", "12345678901234567890.12345678901234567890", ["1.50", null, "9007199254740993"], 0.1,
  7, "O'Brien\n東", { held: 1.5, wide: "9007199254740993" }, "2026-01-01T00:00:00.123456+00:00",
];

test("the answer is the tenant's own", async (t) => {
  const db = pool(t);
  assert.deepEqual((await ask(db, signer, { ...A, sql: COUNT })).rows, [["50"]]);
  assert.deepEqual((await ask(db, signer, { tenant: "brand-b", sql: COUNT })).rows, [["60"]]);
});

test("business and subject are signed, and left out where they are not given", async (t) => {
  const db = pool(t);
  const visits = async (more) => (await ask(db, signer, { ...A, ...more, sql: "SELECT count(*) FROM visits" })).rows;
  assert.deepEqual(await visits({}), [["100"]]);
  assert.deepEqual(await visits({ business: "franchise-7" }), [["50"]]);
  assert.deepEqual(await visits({ business: "franchise-7", subject: "Zoë" }), [["50"]]);
  const bare = await signer.sign(A, "SELECT 1");
  assert.equal("x-splitplane-business" in bare || "x-splitplane-subject" in bare, false);
});

test("a text in UTF-8 with line breaks is the text that was signed", async (t) => {
  const sql = "SELECT 'ß€東 😀' AS \"Größe\",\r\n\tcount(*)\nFROM sales\n";
  const answer = await ask(pool(t), signer, { ...A, sql });
  assert.deepEqual(answer.rows, [["ß€東 😀", "50"]]);
  assert.equal(answer.columns[0].name, "Größe");
});

test("every digit is kept, whichever form the server sends", async (t) => {
  const request = { ...A, sql: FIGURES };
  for (const application of ["app", "texts"]) {
    const db = new pg.Pool(connection(application));
    t.after(() => db.end());
    const answer = await ask(db, signer, request);
    assert.deepEqual(answer.rows, [VALUES], application);
    assert.deepEqual(await askRows(db, signer, request, DECLARED), [Object.fromEntries(Object.keys(DECLARED).map((name, place) => [name, VALUES[place]]))]);
  }
});

test("the control: pg alone loses digits of the same answer", async (t) => {
  const db = pool(t);
  const context = JSON.stringify(await signer.sign(A, FIGURES));
  const { rows } = await db.query("SELECT ask($1::text::jsonb, sql => $2) AS a", [context, FIGURES]);
  assert.equal(rows[0].a.rows[0][0], 9007199254740992);
});

test("no parser is set for anything else, and none of the application is asked", async (t) => {
  const db = pool(t, { types: { getTypeParser: () => () => "parsed by the application" } });
  assert.deepEqual((await ask(db, signer, { ...A, sql: COUNT })).rows, [["50"]]);
  assert.equal((await db.query("SELECT '{}'::jsonb AS a")).rows[0].a, "parsed by the application");
  const plain = pool(t);
  await ask(plain, signer, { ...A, sql: COUNT });
  assert.deepEqual((await plain.query("SELECT '{\"a\": 1}'::jsonb AS a")).rows[0].a, { a: 1 });
  const binary = pool(t, { binary: true });
  assert.deepEqual((await ask(binary, signer, { ...A, sql: COUNT })).rows, [["50"]]);
});

test("names of members that mean something to JavaScript are names", async (t) => {
  const sql = `SELECT jsonb_build_object('__proto__', jsonb_build_object('leaked', 1)) AS document, 1 AS "__proto__"`;
  const { rows } = await ask(pool(t), signer, { ...A, sql });
  assert.equal(Object.getPrototypeOf(rows[0][0]), Object.prototype);
  assert.deepEqual(Object.keys(rows[0][0]), ["__proto__"]);
  const [row] = await askRows(pool(t), signer, { ...A, sql }, Object.fromEntries([["document", "jsonb"], ["__proto__", "integer"]]));
  assert.equal(row.leaked, undefined);
  assert.deepEqual(Object.entries(row)[1], ["__proto__", 1]);
});

test("columns are declared by names of types alone", async (t) => {
  const db = pool(t);
  for (const type of ["text) AS t(a", "text, b text", "integer DEFAULT 1", "text--", "(SELECT 1)", ""]) {
    await assert.rejects(askRows(db, signer, { ...A, sql: COUNT }, { count: type }), TypeError, type);
  }
  await assert.rejects(askRows(db, signer, { ...A, sql: COUNT }, { count: "uuid" }), { sqlstate: "42804" });
  assert.deepEqual(await askRows(db, signer, { ...A, sql: "SELECT 1.5::numeric(4,2) AS a" }, { a: "numeric(4,2)" }), [{ a: "1.50" }]);
});

test("rows may have as many columns as a table", async (t) => {
  const names = Array.from({ length: 300 }, (_, place) => `n${place}`);
  const sql = `SELECT ${names.map((name, place) => `${place} AS ${name}`).join(", ")}`;
  const [row] = await askRows(pool(t), signer, { ...A, sql }, Object.fromEntries(names.map((name) => [name, "integer"])));
  assert.deepEqual(Object.entries(row), names.map((name, place) => [name, place]));
  await assert.rejects(askRows(pool(t), signer, { ...A, sql }, {}), TypeError);
});

test("a question is what is signed, and is answered in rows as well", async (t) => {
  const question = "How many sales were there?";
  const db = pool(t);
  const answer = await ask(db, signer, { ...A, question });
  assert.deepEqual([answer.outcome, answer.source, answer.rows], ["answered", "verified_query", [["50"]]]);
  assert.deepEqual(await askRows(db, signer, { ...A, question }, { sales: "bigint" }), [{ sales: "50" }]);
  await assert.rejects(ask(db, signer, { ...A, question: "Which city is best?" }), { sqlstate: "55000" });
});

test("an argument that is no text is refused here", async (t) => {
  const db = pool(t);
  for (const request of [{}, { sql: COUNT }, { tenant: 7, sql: COUNT }, { ...A }, { ...A, sql: "\ud800" }, { ...A, subject: null, sql: COUNT }]) {
    await assert.rejects(ask(db, signer, request), TypeError, JSON.stringify(request));
  }
});

test("each call has a context of its own, and a context is good once", async (t) => {
  const context = await signer.sign(A, COUNT);
  const db = pool(t);
  const again = { sign: async () => context };
  await ask(db, again, { ...A, sql: COUNT });
  await assert.rejects(ask(db, again, { ...A, sql: COUNT }), { sqlstate: "28000", isTransient: false });
  await assert.rejects(ask(db, { sign: async () => signer.sign(A, COUNT) }, { ...A, sql: "SELECT 1" }), { sqlstate: "28000" });
});

/** A signer that counts, with the contexts that it gave. */
function counting() {
  const contexts = [];
  return {
    contexts,
    async sign(principal, text) {
      contexts.push(await signer.sign(principal, text));
      return contexts.at(-1);
    },
  };
}

/** A stand-in for `ask` in a schema of its own, which fails with this SQLSTATE for the first calls. */
async function failing(t, sqlstate, times) {
  const schema = `failing_${sqlstate.toLowerCase()}_${times}`;
  await administer(`CREATE SCHEMA ${schema}`);
  t.after(() => administer(`DROP SCHEMA ${schema} CASCADE`));
  await administer(`CREATE SEQUENCE ${schema}.calls`);
  await administer(`CREATE FUNCTION ${schema}.ask(context jsonb, question text, sql text, conversation uuid) RETURNS jsonb
    LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('${schema}.calls') <= ${times} THEN RAISE EXCEPTION 'not now' USING ERRCODE = '${sqlstate}'; END IF;
      RETURN public.ask(context, question, sql, conversation);
    END $$`);
  await administer(`GRANT USAGE ON SCHEMA ${schema} TO PUBLIC`);
  await administer(`GRANT ALL ON SEQUENCE ${schema}.calls TO PUBLIC`);
  return schema;
}

for (const sqlstate of ["40001", "40P01", "55P03"]) {
  test(`a conflict, ${sqlstate}, is tried again with a fresh context`, async (t) => {
    const schema = await failing(t, sqlstate, 2);
    const signing = counting();
    assert.deepEqual((await ask(pool(t), signing, { ...A, sql: COUNT }, { schema })).rows, [["50"]]);
    assert.equal(new Set(signing.contexts.map((context) => context["x-splitplane-nonce"])).size, 3);
  });
}

test("tries end", async (t) => {
  const schema = await failing(t, "40001", 9);
  const signing = counting();
  await assert.rejects(ask(pool(t), signing, { ...A, sql: COUNT }, { schema, tries: 2 }), { sqlstate: "40001" });
  assert.equal(signing.contexts.length, 2);
});

test("on a client, which may be within a transaction, nothing is tried again", async (t) => {
  const schema = await failing(t, "40001", 1);
  const client = await pool(t).connect();
  const asked = ask(client, signer, { ...A, sql: COUNT }, { schema });
  await assert.rejects(asked.finally(() => client.release()), { sqlstate: "40001" });
});

for (const sqlstate of ["28000", "42501", "42601", "53400", "55000", "57014", "08006", "38000", "XX000"]) {
  test(`${sqlstate} is not tried again`, async (t) => {
    const schema = await failing(t, sqlstate, 1);
    const signing = counting();
    await assert.rejects(ask(pool(t), signing, { ...A, sql: COUNT }, { schema }), { sqlstate });
    assert.equal(signing.contexts.length, 1);
  });
}

test("a server that is not there yet is tried again, and nothing was signed for it", async (t) => {
  const db = new pg.Pool(connection("app", { port: 1 }));
  t.after(() => db.end());
  const signing = counting();
  let tries = 0;
  const connect = db.connect.bind(db);
  db.connect = () => ((tries += 1), connect());
  await assert.rejects(ask(db, signing, { ...A, sql: COUNT }), (error) => error instanceof SplitplaneError && error.sqlstate === null);
  assert.deepEqual([tries, signing.contexts.length], [3, 0]);
});

test("a connection that ends within the call is an error, and not tried again", async (t) => {
  const db = pool(t, { application_name: "ending" });
  const signing = counting();
  const sql = "SELECT count(*) FROM generate_series(1, 2000000000)";
  const asked = ask(db, signing, { ...A, sql });
  const failed = assert.rejects(asked, (error) => error instanceof SplitplaneError);
  let ended = [];
  while (ended.length === 0) {
    ended = await administer("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ending' AND query LIKE '%ask(%' AND state = 'active'");
  }
  await failed;
  assert.equal(signing.contexts.length, 1);
  assert.deepEqual((await ask(db, signer, { ...A, sql: COUNT })).rows, [["50"]]);
});
