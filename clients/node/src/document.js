/**
 * The document of `ask`, and rows of `ask_rows`, without loss of digits.
 *
 * A value is a JavaScript number only where floating point holds every value of its column's type. It does not depend on
 * `splitplane.json_numbers`.
 */

import { isSafeNumber, parse } from "lossless-json";

/**
 * A value of an answer. `bigint`, `numeric` and domains come as text with PostgreSQL's own digits, dates and times as text in ISO 8601.
 * Within `json`, `jsonb` and `record` a number is a text only where floating point does not hold its value.
 *
 * @typedef {string | number | boolean | null | Value[] | { [name: string]: Value }} Value
 */

/**
 * The document of `ask`; see the reference of functions.
 *
 * @typedef {object} Answer
 * @property {"answered" | "clarify" | "out_of_scope" | "refused"} outcome
 * @property {string} query_id
 * @property {string} [message] what to tell the user where the outcome is not `answered`
 * @property {{ name: string, type: string }[]} [columns]
 * @property {Value[][]} [rows]
 * @property {number} [row_count]
 * @property {boolean} [truncated] whether a cap cut the rows
 * @property {string | null} [sql]
 * @property {"caller" | "model" | "verified_query" | null} [source]
 * @property {string | null} [answer] the answer in words
 * @property {string | null} [conversation]
 * @property {{ log: string, sequence: number, hash: string }} [audit]
 * @property {Record<string, number>} [usage]
 * @property {Record<string, number>} [timings_ms]
 */

/** A number as it was written. */
class Digits {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

/** Types whose every value a JavaScript number holds, by the names of `format_type` and their aliases in declarations. */
const NUMBERS = new Set(["smallint", "integer", "real", "double precision", "int", "int2", "int4", "float4", "float8", "float"]);
const DOCUMENTS = new Set(["json", "jsonb", "record"]);

/**
 * How the numbers of a column are given.
 *
 * @param {string} type
 * @returns {(digits: string) => string | number}
 */
function reader(type) {
  const base = type.toLowerCase().replace(/\[\]/g, "").replace(/\s*\(.*?\)/, "").trim();
  if (NUMBERS.has(base)) return Number;
  return DOCUMENTS.has(base) ? whereHeld : (digits) => digits;
}

/** @param {string} digits */
function whereHeld(digits) {
  return isSafeNumber(digits) ? Number(digits) : digits;
}

/**
 * @param {unknown} parsed
 * @param {(digits: string) => string | number} read
 * @returns {Value}
 */
function valued(parsed, read) {
  if (parsed instanceof Digits) return read(parsed.text);
  if (Array.isArray(parsed)) return parsed.map((member) => valued(member, read));
  if (typeof parsed === "object" && parsed !== null) {
    return Object.fromEntries(Object.entries(parsed).map(([name, member]) => [name, valued(member, read)]));
  }
  return /** @type {Value} */ (parsed);
}

/**
 * @param {string} text
 * @returns {any}
 */
function parsed(text) {
  return parse(text, undefined, (digits) => new Digits(digits));
}

/**
 * @param {string} text the document as the server sends it
 * @returns {Answer}
 */
export function document(text) {
  const { rows, ...others } = parsed(text);
  const answer = /** @type {any} */ (valued(others, whereHeld));
  if (rows === undefined) return answer;
  const readers = answer.columns.map((/** @type {{ type: string }} */ column) => reader(column.type));
  answer.rows = rows.map((/** @type {unknown[]} */ row) => row.map((member, place) => valued(member, readers[place])));
  return answer;
}

/**
 * @param {string} text one row as a JSON object whose members are c0, c1, ..
 * @param {[string, string][]} columns name and type of each
 * @returns {Record<string, Value>}
 */
export function row(text, columns) {
  const members = parsed(text);
  return Object.fromEntries(columns.map(([name, type], place) => [name, valued(members[`c${place}`], reader(type))]));
}
