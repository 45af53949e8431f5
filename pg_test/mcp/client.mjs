// Node's own client, run by test_node.py: takes one JSON on standard input and prints one.
//
//   {"modules": FOLDER, "url": .., "token": .., "version": .., "steps": [{"tool": .., "arguments": .., "abortAfter": MS, "progress": true}]}
//   -> {"version": .., "tools": [..], "steps": [{"result": ..} | {"error": ..}]}  or  {"error": ..} where it could not connect
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { readFileSync } from "node:fs";

const given = JSON.parse(readFileSync(0, "utf8"));
const load = createRequire(given.modules + "/");
const { Client, StreamableHTTPClientTransport } = await import(pathToFileURL(load.resolve("@modelcontextprotocol/client")));

const told = (error) => ({ error: { name: error.name, code: error.code ?? null, message: String(error.message) } });
const modern = given.version !== "2025-11-25";
const client = new Client(
  { name: "node", version: "1" },
  { versionNegotiation: { mode: modern ? { pin: given.version } : "legacy" } },
);
const transport = new StreamableHTTPClientTransport(new URL(given.url), {
  requestInit: { headers: { authorization: `Bearer ${given.token}` } },
});

async function step({ tool, arguments: values, abortAfter, progress }) {
  const notes = [];
  const options = {};
  if (abortAfter) options.signal = AbortSignal.timeout(abortAfter);
  if (progress) options.onprogress = (note) => notes.push(note);
  try {
    const result = await client.callTool({ name: tool, arguments: values }, options);
    return { result, notes };
  } catch (error) {
    return { ...told(error), notes };
  }
}

let printed;
try {
  await client.connect(transport);
  const { tools } = await client.listTools();
  const steps = [];
  for (const one of given.steps) steps.push(await step(one));
  printed = { version: client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion ?? null, tools: tools.map((tool) => tool.name), steps };
} catch (error) {
  printed = told(error);
}
console.log(JSON.stringify(printed));
process.exit(0);
