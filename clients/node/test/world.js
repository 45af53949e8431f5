/** What the tests ask: a server that pg_test/clients_more has started, and named in SPLITPLANE_TEST. */

import { Signer } from "splitplane";
import pg from "pg";

const { keyId, secret, database, host, port, application, administrator, tls, pooler } = JSON.parse(process.env.SPLITPLANE_TEST ?? "{}");
// `tls` is the port on loopback and the certificate of the server's TLS, `pooler` where PgBouncer is; only their own tests have them.
export { pooler, secret, tls };

export const signer = new Signer({ keyId, secret, audience: database });
export const COUNT = "SELECT count(*) FROM sales";
/** Ends by the server's deadline only, half a minute after it began: it needs neither memory nor files, whose limits would end it sooner. */
export const ENDLESS = "SELECT count(*) FROM generate_series(1, 200000) AS a, generate_series(1, 200000) AS b";

export const connection = (user = application, more = {}) => ({ host, port, database, user, ...more });

/** A pool of the calling role that is closed with the test. */
export function pool(t, more = {}) {
  const opened = new pg.Pool(connection(application, more));
  t.after(() => opened.end());
  return opened;
}

/** Rows of one statement of a superuser. */
export async function administer(text, values = []) {
  const client = new pg.Client(connection(administrator));
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** Backends that work on a call of this application name now. */
export async function working(name) {
  return administer("SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'", [name]);
}

export async function until(condition, what, milliseconds = 10_000) {
  const end = Date.now() + milliseconds;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${milliseconds} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
