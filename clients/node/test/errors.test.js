/** Errors: a SQLSTATE, and neither context nor secret. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { ask, GivenUpError, Signer, SplitplaneError } from "splitplane";
import { administer, COUNT, ENDLESS, pool, secret, signer } from "./world.js";

const A = { tenant: "brand-a" };

/** All that a log may show of an error. */
function shown(error) {
  return [error.message, error.stack, String(error), JSON.stringify(error), inspect(error, { depth: 9, showHidden: true })].join("\n");
}

/** The error of a call, and the context that it was made with. */
async function failure(db, request, options) {
  let context;
  const noting = { sign: async (principal, text) => (context = await signer.sign(principal, text)) };
  const error = await ask(db, noting, request, options).then(() => assert.fail("the call succeeded"), (raised) => raised);
  return { error, context };
}

function assertSilent({ error, context }) {
  const text = shown(error);
  const { authorization } = context;
  const private_ = { authorization, signature: /Signature=(\w+)/.exec(authorization)[1], nonce: context["x-splitplane-nonce"], secret };
  for (const [name, value] of Object.entries(private_)) {
    assert.equal(text.includes(value), false, `the error shows the ${name}: ${text}`);
  }
}

const REFUSED = {
  "28000": { ...A, tenant: "nobody" },
  "42P01": { ...A, sql: "SELECT * FROM vault" },
  "42601": { ...A, sql: "SELEC 1" },
  "22012": { ...A, sql: "SELECT 1 / 0" },
  "22023": { ...A, sql: COUNT, conversation: "00000000-0000-4000-8000-000000000000" },
};

for (const [sqlstate, request] of Object.entries(REFUSED)) {
  test(`a refusal has its SQLSTATE and no context: ${sqlstate}`, async (t) => {
    const failed = await failure(pool(t), { sql: COUNT, ...request });
    assert.ok(failed.error instanceof SplitplaneError);
    assert.equal(failed.error.sqlstate, sqlstate);
    assert.deepEqual(JSON.parse(JSON.stringify(failed.error)).sqlstate, sqlstate);
    assertSilent(failed);
  });
}

test("what the server adds to an error is dropped, with the bound values", async (t) => {
  await administer("CREATE SCHEMA told");
  t.after(() => administer("DROP SCHEMA told CASCADE"));
  await administer(`CREATE FUNCTION told.ask(context jsonb, question text, sql text, conversation uuid) RETURNS jsonb LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no'; END $$`);
  await administer("GRANT USAGE ON SCHEMA told TO PUBLIC");
  const db = pool(t, { user: "telling" });
  const failed = await failure(db, { ...A, sql: COUNT }, { schema: "told" });
  assert.deepEqual([failed.error.sqlstate, failed.error.message], ["P0001", "no"]);
  assertSilent(failed);
  const context = JSON.stringify(failed.context);
  const raised = await db.query("SELECT told.ask($1::text::jsonb, NULL, $2, NULL)", [context, COUNT]).catch((error) => error);
  assert.ok(inspect(raised).includes("Signature="), `the control: the driver's error shows them: ${inspect(raised)}`);
});

test("a message that holds the context is withheld", async (t) => {
  await administer("CREATE SCHEMA loud");
  t.after(() => administer("DROP SCHEMA loud CASCADE"));
  await administer(`CREATE FUNCTION loud.ask(context jsonb, question text, sql text, conversation uuid) RETURNS jsonb LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'got %', context USING ERRCODE = '42501', DETAIL = context::text, HINT = context::text; END $$`);
  await administer("GRANT USAGE ON SCHEMA loud TO PUBLIC");
  const failed = await failure(pool(t), { ...A, sql: COUNT }, { schema: "loud" });
  assert.equal(failed.error.sqlstate, "42501");
  assert.match(failed.error.message, /withheld/);
  assertSilent(failed);
});

test("giving up shows nothing either", async (t) => {
  const failed = await failure(pool(t), { ...A, sql: ENDLESS }, { timeout: 500 });
  assert.ok(failed.error instanceof GivenUpError);
  assertSilent(failed);
});

test("a signer shows no secret", () => {
  const own = new Signer({ keyId: "AKOWN", secret: "a-secret-of-its-own", audience: "shop" });
  const text = [JSON.stringify(own), inspect(own, { depth: 9, showHidden: true }), String(own), Object.getOwnPropertyNames(own).join()].join("\n");
  assert.equal(text.includes("a-secret-of-its-own"), false, text);
  assert.throws(() => new Signer({ keyId: "AKOWN", secret: undefined, audience: "shop" }), (error) => !shown(error).includes("AKOWN"));
});

test("a used up budget says when to try again", async (t) => {
  await administer("SELECT splitplane.set_budget('brand-c', 'calls', 1, '1 day')");
  t.after(() => administer("SELECT splitplane.clear_budget('brand-c', 'calls')"));
  const db = pool(t);
  await ask(db, signer, { tenant: "brand-c", sql: COUNT }).catch(() => {});
  const { error } = await failure(db, { tenant: "brand-c", sql: COUNT });
  assert.equal(error.sqlstate, "53400");
  assert.ok(error.retryAfter > 0 && error.retryAfter <= 86400, error.message);
  assert.equal(JSON.parse(JSON.stringify(error)).retryAfter, error.retryAfter);
});

test("seconds are read as the server writes them", () => {
  const wait = (sqlstate, message) => new SplitplaneError(message, sqlstate).retryAfter;
  assert.equal(wait("53400", "the budget of calls is used up; try again in 1,200 seconds"), 1200);
  assert.equal(wait("53400", "the model endpoint gives no answer now, and the next try, in 40 s, would be after splitplane.deadline"), 40);
  assert.equal(wait("53400", "a sub-budget of 3 seconds is no wait"), null);
  assert.equal(wait("57014", "the deadline passed; try again in 40 s"), null);
});
