// `node claims.mjs CLIENT CALL…`: what each of these calls of `client.dlq` returns or throws, as a line of JSON.
// CLIENT is what the client is made with; the environment has the address and the token.
import { Client } from "@upstash/workflow";

const { dlq } = new Client(JSON.parse(process.argv[2]));
// The SDK logs what it throws.
console.error = console.warn = () => {};
for (const call of process.argv.slice(3)) {
  const answer = await new Function("dlq", `return dlq.${call}`)(dlq).catch((problem) => ({
    error: problem.name,
    status: problem.status ?? null,
  }));
  console.log(JSON.stringify(answer));
}
