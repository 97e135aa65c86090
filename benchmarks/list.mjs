// Prints the CPU time (us) that the vendor's JavaScript SDK takes for a page of 100: node list.mjs SDK_FOLDER URL
import { createRequire } from "node:module";

const [folder, baseUrl] = process.argv.slice(2);
const { Client } = await import(createRequire(`${folder}/`).resolve("@upstash/workflow"));
const client = new Client({ baseUrl, token: "benchmark-token", retry: false });

async function list() {
  let cursor, count = 0;
  do {
    const page = await client.dlq.list({ cursor, count: 100 });
    for (const run of page.messages) if (run.dlqId && run.workflowRunId && run.createdAt && run.responseStatus) count++;
    cursor = page.cursor;
  } while (cursor);
  return count;
}

await list();
const rounds = [];
for (let round = 0; round < 7; round++) {
  const before = process.cpuUsage();
  const runs = await list();
  const { user, system } = process.cpuUsage(before);
  rounds.push((user + system) / (runs / 100));
}
console.log(rounds.sort((a, b) => a - b)[3]);
