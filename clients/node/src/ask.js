/** Calls: sign, send, wait, and try again where that is right. */

import pg from "pg";
import { document, row } from "./document.js";
import { GivenUpError, SplitplaneError, translated } from "./errors.js";
import { patience, pause, unlessAborted } from "./patience.js";
import { run } from "./statement.js";

/**
 * A pool, or a client of one statement at a time. On a client nothing is tried again, since it may be within a transaction.
 *
 * @typedef {pg.Pool | pg.ClientBase} Database
 */

/**
 * What is asked. The principal is signed for the question if there is one, else for the SQL.
 *
 * @typedef {import("./signer.js").Principal & { question?: string, sql?: string }} Request
 */

/**
 * @typedef {object} Options
 * @property {AbortSignal} [signal] gives the call up
 * @property {number} [timeout] milliseconds for the whole call, every try included; by default the pool's `query_timeout`; 0 is no limit
 * @property {number} [tries] at most so many after a conflict or for want of a connection, each with a fresh context; by default 3
 * @property {string} [schema] where the extension was created, if that is not on the `search_path`
 */

/** Milliseconds before the second try; doubled for each further one, and by chance between half of it and all. */
const FIRST_PAUSE = 100;

/**
 * Asks a question, or SQL that a model wrote, and returns the document with every digit of its numbers.
 *
 * @param {Database} database
 * @param {import("./signer.js").ContextSigner} signer
 * @param {Request} request
 * @param {Options} [options]
 * @returns {Promise<import("./document.js").Answer>}
 * @throws {SplitplaneError} what the server says, with its SQLSTATE
 * @throws {GivenUpError} when the signal was aborted or the time is over; the statement was stopped
 */
export async function ask(database, signer, request, options = {}) {
  const text = `SELECT ${called("ask", options)}($1::text::jsonb, question => $2::text, sql => $3::text, conversation => $4::uuid)`;
  const [answer] = await call(database, signer, request, options, text, [request.conversation ?? null]);
  return read(() => document(/** @type {string} */ (answer)));
}

/**
 * The same as rows with the columns that you declare, as `ask_rows` has it: values of other types are an error, and so are rows over a cap.
 *
 * @param {Database} database
 * @param {import("./signer.js").ContextSigner} signer
 * @param {Request} request
 * @param {Record<string, string>} columns type of each column by its name, in order, such as `{ city: "text", revenue: "numeric" }`
 * @param {Options} [options]
 * @returns {Promise<Record<string, import("./document.js").Value>[]>}
 */
export async function askRows(database, signer, request, columns, options = {}) {
  if (request.conversation !== undefined) throw new TypeError("ask_rows takes no conversation");
  const declared = Object.entries(columns);
  for (const [, type] of declared) {
    if (!TYPE.test(type)) throw new TypeError(`not the name of a type: ${type}`);
  }
  if (declared.length === 0) throw new TypeError("ask_rows needs columns");
  const list = declared.map(([, type], place) => `c${place} ${type}`).join(", ");
  const text = `SELECT to_jsonb(t) FROM ${called("ask_rows", options)}($1::text::jsonb, question => $2::text, sql => $3::text) AS t(${list})`;
  const rows = await call(database, signer, request, options, text, []);
  return read(() => rows.map((one) => row(one, declared)));
}

/** Words, quoted names, typmods and dimensions: no expression and no second column. */
const WORD = String.raw`(?:"[^"]+"|[a-z_][\w$]*)`;
const TYPE = new RegExp(String.raw`^${WORD}(?:\.${WORD})?(?: [a-z]+)*(?:\(\d+(?:, ?-?\d+)?\))?(?: [a-z]+)*(?:\[\])*$`, "i");

/**
 * @param {string} name
 * @param {Options} options
 */
function called(name, { schema }) {
  return schema === undefined ? name : `${pg.escapeIdentifier(schema)}.${name}`;
}

/**
 * @template T
 * @param {() => T} reading
 */
function read(reading) {
  try {
    return reading();
  } catch {
    // Deeper than the stack: jsonb has no such bound.
    throw new SplitplaneError("the answer cannot be read: it nests too deep", null);
  }
}

/**
 * @param {Database} database
 * @param {import("./signer.js").ContextSigner} signer
 * @param {Request} request
 * @param {Options} options
 * @param {string} text
 * @param {(string | null)[]} further values after context, question and SQL
 * @returns {Promise<string[]>} the first column of each row
 */
async function call(database, signer, request, { signal, timeout, tries = 3 }, text, further) {
  const { question, sql, ...principal } = request;
  const signed = question ?? sql;
  if (typeof signed !== "string") throw new TypeError("a request needs a question or SQL");
  const pool = "totalCount" in database ? database : null;
  if (!pool && /** @type {any} */ (database).pipeline) throw new TypeError("a client in pipeline mode cannot stop one of its statements");
  const waiting = patience(signal, timeout ?? pool?.options.query_timeout);
  try {
    for (let count = 1; ; count += 1) {
      try {
        return await once();
      } catch (error) {
        if (!pool || count >= tries || !(error instanceof SplitplaneError) || !error.isTransient) throw error;
        await pause(FIRST_PAUSE * 2 ** (count - 1) * (0.5 + Math.random() / 2), waiting.signal);
      }
    }
  } finally {
    waiting.end();
  }

  async function once() {
    const client = pool ? await connected(pool, waiting) : /** @type {pg.ClientBase} */ (database);
    /** @type {Error | undefined} */
    let broken;
    // A connection that ends within the call says so here as well, and would end the process if nobody listened.
    const note = (/** @type {Error} */ error) => void (broken = error);
    client.on("error", note);
    try {
      const context = await unlessAborted(signer.sign(principal, /** @type {string} */ (signed)), waiting.signal);
      if (context === null) throw new GivenUpError(waiting.name(), true);
      const values = [JSON.stringify(context.value), question ?? null, sql ?? null, ...further];
      return await run(client, { text, values }, context.value, waiting, pool?.options.stream);
    } catch (error) {
      if (error instanceof GivenUpError ? !error.isStopped : error instanceof SplitplaneError && error.isLost) {
        broken ??= /** @type {Error} */ (error);
      }
      throw error;
    } finally {
      client.removeListener("error", note);
      // One that is lost or may still be busy is closed and not given to the next caller.
      if (pool) /** @type {pg.PoolClient} */ (client).release(broken);
    }
  }
}

/**
 * @param {pg.Pool} pool
 * @param {{ signal: AbortSignal, name: () => "AbortError" | "TimeoutError" }} waiting
 * @returns {Promise<pg.PoolClient>}
 */
async function connected(pool, waiting) {
  const connecting = pool.connect();
  try {
    const client = await unlessAborted(connecting, waiting.signal);
    if (client) return client.value;
  } catch (error) {
    throw translated(error, { wasSent: false, isLost: true });
  }
  // The connection that comes too late goes back.
  connecting.then((client) => client.release(), () => {});
  throw new GivenUpError(waiting.name(), true);
}
