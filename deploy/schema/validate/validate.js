// Holds an AsyncAPI document against the standard: node validate.js asyncapi.json

import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const SEVERITIES = ["error", "warning", "information", "hint"];
const [, , file] = process.argv;

const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
for (const { severity, code, path, message } of diagnostics) {
  console.log(`${file}: ${SEVERITIES[severity]} at ${path.join(".") || "the top"}: ${message} (${code})`);
}
const failed = !document || diagnostics.some(({ severity }) => severity <= 1);
console.log(`${file}: ${failed ? "not a valid" : "a valid"} AsyncAPI document`);
process.exit(failed ? 1 : 0);
