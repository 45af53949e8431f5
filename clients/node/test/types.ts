/** The types as a program in TypeScript sees them: compiled and never run. A line that must not compile says so. */

import pg from "pg";
import { ask, askRows, GivenUpError, Signer, SplitplaneError, type ContextSigner, type Value } from "splitplane";

const pool = new pg.Pool();
const signer = new Signer({ keyId: "AK", secret: "s", audience: "shop" });
const remote: ContextSigner = { sign: async (principal, text) => ({ authorization: `${principal.tenant} ${text}` }) };

const answer = await ask(pool, signer, { tenant: "brand-a", question: "How many?" }, { signal: AbortSignal.timeout(5), timeout: 1, tries: 1 });
const outcome: "answered" | "clarify" | "out_of_scope" | "refused" = answer.outcome;
const rows: Value[][] | undefined = answer.rows;
const client: pg.PoolClient = await pool.connect();
const found: Record<string, Value>[] = await askRows(client, remote, { tenant: "a", sql: "SELECT 1" }, { one: "integer" });
const seconds: number | null = new SplitplaneError("", "53400").retryAfter;
const isStopped: boolean = new GivenUpError("AbortError", true).isStopped;

// @ts-expect-error a tenant is needed
await ask(pool, signer, { sql: "SELECT 1" });
// @ts-expect-error a tenant is a text
await ask(pool, signer, { tenant: 7, sql: "SELECT 1" });
// @ts-expect-error values are not numbers alone
const figure: number = answer.rows?.[0]?.[0];
// @ts-expect-error the columns are needed
await askRows(pool, signer, { tenant: "a", sql: "SELECT 1" });
// @ts-expect-error the secret cannot be read
signer.secret;

void [outcome, rows, found, seconds, isStopped, figure];
