/** One statement on one connection, which is stopped in the server when its caller gives up. */

import net from "node:net";
import pg from "pg";
import { GivenUpError, translated } from "./errors.js";
import { pause, unlessAborted } from "./patience.js";

/** Milliseconds that a statement is given to end after it was cancelled, and the cancel to reach the server. */
const GRACE = 5000;
/** The longest that a timer takes. The time of a call is ours: `query_timeout` would answer and leave the statement running. */
const NEVER = 2 ** 31 - 1;

/** Values as the server sends them. No parser of the application is asked, and none is set for anything else. */
const TEXT = { getTypeParser: () => (/** @type {string} */ text) => text };

/**
 * @typedef {object} Statement
 * @property {pg.Query & { query_timeout?: number, binary?: boolean }} query
 * @property {boolean} wasSent
 * @property {boolean} isAbandoned
 * @property {Promise<{ error: unknown, isLost: boolean, rows: string[][] }>} end
 */

/**
 * @param {string} text
 * @param {(string | null)[]} values
 * @returns {Statement}
 */
function prepared(text, values) {
  /** @type {pg.Connection} */
  let connection;
  /** @type {(error: any, result?: { rows: string[][] }) => void} */
  let callback = () => {};
  /** @type {Statement["end"]} */
  const end = new Promise((resolve) => {
    callback = async (error, result) => {
      // An error is sent before the server has rolled back, a result after it has committed.
      const isLost = Boolean(error) && statement.wasSent && !(error.severity && (await ready(connection)));
      resolve({ error, isLost, rows: result?.rows ?? [] });
    };
  });
  /** @type {Statement["query"]} */
  const query = new pg.Query(/** @type {any} */ ({ text, values, rowMode: "array", types: TEXT, callback }));
  query.query_timeout = NEVER;
  const statement = { query, wasSent: false, isAbandoned: false, end };
  const submit = /** @type {(connection: pg.Connection) => any} */ (query.submit);
  // Called when it is this statement's turn on its connection. An error that is returned keeps it from being sent.
  query.submit = (on) => {
    connection = on;
    if (statement.isAbandoned) return new Error("given up before it was sent");
    statement.wasSent = true;
    // A client of binary results has set it.
    query.binary = false;
    return submit.call(query, connection);
  };
  return statement;
}

/**
 * Waits until the server takes the next statement, or the connection has ended.
 *
 * @param {pg.Connection} connection
 * @returns {Promise<boolean>} whether it takes one
 */
function ready(connection) {
  return new Promise((resolve) => {
    /** @param {boolean} isReady */
    const done = (isReady) => {
      connection.removeListener("readyForQuery", taken).removeListener("end", ended);
      resolve(isReady);
    };
    const taken = () => done(true);
    const ended = () => done(false);
    connection.on("readyForQuery", taken).on("end", ended);
  });
}

/**
 * Runs a statement whose first column of each row is wanted, as text.
 *
 * When the signal is aborted, the statement is cancelled, and the error comes when it has ended: the connection can be used then.
 *
 * @param {pg.ClientBase} client
 * @param {{ text: string, values: (string | null)[] }} query
 * @param {import("./signer.js").Context} context
 * @param {{ signal: AbortSignal, name: () => "AbortError" | "TimeoutError" }} waiting
 * @param {pg.ClientConfig["stream"]} [stream] makes the socket of the cancel, where the application makes its sockets
 * @returns {Promise<string[]>}
 * @throws {import("./errors.js").SplitplaneError}
 */
export async function run(client, query, context, waiting, stream) {
  if (waiting.signal.aborted) throw new GivenUpError(waiting.name(), true);
  const statement = prepared(query.text, query.values);
  client.query(statement.query);
  const ended = await unlessAborted(statement.end, waiting.signal);
  if (ended === null) {
    statement.isAbandoned = true;
    if (statement.wasSent) throw new GivenUpError(waiting.name(), await stopped(client, statement, stream));
    throw new GivenUpError(waiting.name(), true);
  }
  const { error, isLost, rows } = ended.value;
  if (error) throw translated(error, { wasSent: statement.wasSent, isLost, context });
  return rows.map((row) => /** @type {string} */ (row[0]));
}

/**
 * Cancels the statement, and waits for its end. The cancel has been dealt with when this returns, so that it cannot hit what is sent next.
 *
 * @param {pg.ClientBase} client
 * @param {Statement} statement
 * @param {pg.ClientConfig["stream"]} stream
 * @returns {Promise<boolean>} whether it has ended
 */
async function stopped(client, statement, stream) {
  const enough = new AbortController();
  const both = Promise.all([cancelled(/** @type {any} */ (client), enough.signal, stream), statement.end]);
  const timer = pause(GRACE, enough.signal).then(() => enough.abort());
  const ended = await unlessAborted(both, enough.signal);
  enough.abort();
  await timer;
  return ended !== null;
}

/**
 * Sends a cancel request of PostgreSQL's protocol to the server of a connection, from where that is connected to.
 *
 * `pg_cancel_backend` would need a second login, and behind PgBouncer it would be given the process of somebody else.
 *
 * @param {pg.Client & { processID: number | null, secretKey: number, sslNegotiation?: "postgres" | "direct" }} client
 * @param {AbortSignal} enough
 * @param {pg.ClientConfig["stream"]} stream
 * @returns {Promise<void>} when the server has closed the connection, which it does when it has sent the signal; or when it could not be sent
 */
async function cancelled(client, enough, stream) {
  // Some poolers give their clients no key to cancel by.
  if (client.processID === null) return;
  const { remoteAddress = client.host, remotePort = client.port } = /** @type {net.Socket} */ (client.connection.stream);
  // The certificate is that of the name, whichever of its addresses this is.
  const name = net.isIP(client.host) ? { host: client.host } : { host: client.host, servername: client.host };
  const secured = client.ssl && { ...(client.ssl === true ? {} : /** @type {object} */ (client.ssl)), ...name };
  const isDirect = client.sslNegotiation === "direct";
  const connection = /** @type {any} */ (
    new pg.Connection(/** @type {any} */ ({ ssl: secured, sslNegotiation: client.sslNegotiation, stream }))
  );
  const gone = new Promise((resolve) => {
    connection.once("end", resolve);
    connection.on("error", resolve);
  });
  const send = () => connection.cancel(client.processID, client.secretKey);
  if (!secured) connection.once("connect", send);
  else {
    connection.once("sslconnect", send);
    if (!isDirect) connection.once("connect", () => connection.requestSsl());
  }
  if (client.host?.startsWith("/")) connection.connect(`${client.host}/.s.PGSQL.${client.port}`);
  else connection.connect(remotePort, remoteAddress);
  await unlessAborted(gone, enough);
  connection.stream.destroy();
}
