/**
 * What a call fails with. Only a message and a SQLSTATE are taken over from the driver's error: its other fields may hold the bound
 * values, and with them the signed context, as CONTEXT does where the server has `log_parameter_max_length_on_error`.
 */

/**
 * Conflicts with other sessions, after which the same call may succeed.
 * A question whose model failed is not among them: the server has tried again by itself, as long as its deadline allowed.
 */
const CONFLICTS = new Set(["40001", "40P01", "55P03"]);
/** No connection for now, by SQLSTATE or by Node's code: nothing was sent. */
const NO_CONNECTION = new Set(["53300", "57P03", "ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EAI_AGAIN", "ENOENT"]);

/** A refusal or failure of one call, or of the connection. */
export class SplitplaneError extends Error {
  /**
   * @param {string} message
   * @param {string | null} sqlstate null where the server has said nothing
   * @param {boolean} [isTransient]
   * @param {boolean} [isLost]
   */
  constructor(message, sqlstate, isTransient = false, isLost = false) {
    super(message);
    this.name = "SplitplaneError";
    /** Five characters; see the reference of SQLSTATEs. Null where the server has said nothing. */
    this.sqlstate = sqlstate;
    /** Whether the same call may succeed in a moment, with a fresh context. */
    this.isTransient = isTransient;
    /** Whether the connection is lost with it. What was sent may have been answered. */
    this.isLost = isLost;
    // Budgets say "in 1,200 seconds", a model without room "in 40 s".
    const wait = sqlstate === "53400" && /\bin (\d[\d,]*) s(?:econds?)?\b/.exec(message);
    /** Seconds after which to try again, where the server names them: a budget is used up, or a model has no room. Else null. */
    this.retryAfter = wait ? Number(wait[1]?.replaceAll(",", "")) : null;
  }

  toJSON() {
    return { name: this.name, message: this.message, sqlstate: this.sqlstate, retryAfter: this.retryAfter };
  }
}

/** The caller gave up: its signal was aborted (`AbortError`), or the time was over (`TimeoutError`). */
export class GivenUpError extends SplitplaneError {
  /**
   * @param {"AbortError" | "TimeoutError"} name
   * @param {boolean} isStopped
   */
  constructor(name, isStopped) {
    const what = name === "AbortError" ? "the call was aborted" : "the call took too long";
    super(isStopped ? what : `${what}, and may go on in the server until its deadline`, "57014");
    this.name = name;
    /** Whether it is known that the server does not work on the statement any more. */
    this.isStopped = isStopped;
  }
}

/**
 * Our error for one of the driver.
 *
 * @param {unknown} error
 * @param {object} call
 * @param {boolean} call.wasSent whether the statement may have reached the server
 * @param {boolean} call.isLost
 * @param {import("./signer.js").Context} [call.context] what the message must not hold
 * @returns {SplitplaneError}
 */
export function translated(error, { wasSent, isLost, context }) {
  if (error instanceof SplitplaneError) return error;
  const { message, code, severity } = /** @type {{ message?: string, code?: unknown, severity?: unknown }} */ (error ?? {});
  const known = typeof code === "string" ? code : "";
  // Errors of the server have a severity, those of Node have not; both have codes such as EPIPE's five letters.
  const sqlstate = severity ? known : null;
  const isTransient = sqlstate !== null && CONFLICTS.has(sqlstate) ? true : !wasSent && NO_CONNECTION.has(known);
  // An AggregateError of several addresses has no message, only a code.
  const told = message || known || "the connection to the database failed";
  const secrets = Object.entries(context ?? {}).flatMap(([name, value]) =>
    name.toLowerCase() === "authorization" ? [value, value.slice(value.lastIndexOf("=") + 1)] : /nonce|token/i.test(name) ? [value] : [],
  );
  if (secrets.some((secret) => secret !== "" && told.includes(secret))) {
    return new SplitplaneError("the message is withheld, since it holds parts of the signed context", sqlstate, isTransient, isLost);
  }
  return new SplitplaneError(told, sqlstate, isTransient, isLost);
}
