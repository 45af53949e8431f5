/** Asks a database with splitplane: what a caller needs, and nothing else. */

export { ask, askRows } from "./ask.js";
export { GivenUpError, SplitplaneError } from "./errors.js";
export { Signer } from "./signer.js";

/**
 * @typedef {import("./ask.js").Database} Database
 * @typedef {import("./ask.js").Request} Request
 * @typedef {import("./ask.js").Options} Options
 * @typedef {import("./document.js").Answer} Answer
 * @typedef {import("./document.js").Value} Value
 * @typedef {import("./signer.js").Principal} Principal
 * @typedef {import("./signer.js").Context} Context
 * @typedef {import("./signer.js").ContextSigner} ContextSigner
 */
