// The DLQ client of the vendor's SDK against the emulator: `node dlq.mjs STAGE`. The queue is at QSTASH_URL.
//
// Stages assert what the SDK returns. The last line of output is JSON for run.py: what the SDK sees in the queue when it
// is done, and the ids of the runs that it was told were started.
import assert from "node:assert/strict";
import { Client } from "@upstash/workflow";

const { dlq } = new Client({ baseUrl: process.env.QSTASH_URL, token: process.env.QSTASH_TOKEN, retry: false });
const started = [];

async function walk(parameters = {}) {
  const pages = [];
  let cursor;
  do {
    const page = await dlq.list({ count: 40, ...parameters, cursor });
    pages.push(page.messages);
    cursor = page.cursor;
  } while (cursor);
  return pages;
}

async function listed(filter) {
  return (await walk({ filter })).flat();
}

const idsOf = (runs) => runs.map((run) => run.dlqId);
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const labelsOf = (run) => [run.label, ...(run.labels ?? [])];
const enteredAt = (run) => Number(run.dlqId.split("-")[0]);
const stateOf = (run) => run.failureCallbackInfo?.state ?? run.failureFunctionState;

function remember(workflowRuns) {
  for (const run of workflowRuns) {
    assert.match(run.workflowRunId, /^wfr_/);
    assert.ok(Number.isInteger(run.workflowCreatedAt));
    started.push(run.workflowRunId);
  }
  return workflowRuns.length;
}

async function refused(call, status) {
  const { error } = console;
  console.error = () => {}; // the SDK logs what it throws
  try {
    await assert.rejects(call, (problem) => problem.status === status);
  } finally {
    console.error = error;
  }
}

async function gone(ids) {
  const left = new Set(idsOf(await listed()));
  assert.deepEqual(ids.filter((id) => left.has(id)), []);
}

/** Calls again with the returned cursor until there is none; what came back each time. */
async function follow(act, request) {
  const answers = [];
  let cursor;
  do {
    const answer = await act({ ...request, cursor });
    answers.push(answer);
    cursor = answer.cursor;
  } while (cursor);
  return answers;
}

async function read() {
  const pages = await walk();
  const runs = pages.flat();
  assert.ok(pages.length > 2 && pages.slice(0, -1).every((page) => page.length === 40));
  assert.equal(new Set(idsOf(runs)).size, runs.length);
  assert.ok(runs.every((run) => run.workflowRunId && run.workflowUrl && run.header && run.createdAt));

  const one = runs.find((run) => run.flowControlKey);
  const [early, late] = [runs[100], runs[20]].map(enteredAt);
  const between = (run) => early <= enteredAt(run) && enteredAt(run) <= late;
  const filters = [
    [{ label: "billing" }, (run) => labelsOf(run).includes("billing")],
    [{ label: ["billing", "email"] }, (run) => labelsOf(run).some((label) => ["billing", "email"].includes(label))],
    [{ workflowUrl: one.workflowUrl }, (run) => run.workflowUrl === one.workflowUrl],
    [{ url: one.url }, (run) => run.url === one.url],
    [{ callerIp: one.callerIP }, (run) => run.callerIP === one.callerIP],
    [{ flowControlKey: [one.flowControlKey] }, (run) => run.flowControlKey === one.flowControlKey],
    [{ failureFunctionState: "CALLBACK_FAIL" }, (run) => stateOf(run) === "CALLBACK_FAIL"],
    [{ workflowRunId: one.workflowRunId }, (run) => run === one],
    [{ workflowCreatedAt: one.workflowCreatedAt }, (run) => run.workflowCreatedAt === one.workflowCreatedAt],
    [{ fromDate: early, toDate: late }, between],
    [
      { fromDate: new Date(early), toDate: new Date(late), label: "billing" },
      (run) => between(run) && labelsOf(run).includes("billing"),
    ],
  ];
  for (const [filter, matches] of filters) {
    const wanted = idsOf(runs.filter(matches));
    assert.ok(wanted.length > 0, JSON.stringify(filter));
    assert.deepEqual(idsOf(await listed(filter)), wanted, JSON.stringify(filter));
  }
  assert.deepEqual(await listed({ label: "nobody" }), []);
}

async function removeSome() {
  const ids = idsOf(await listed());
  assert.deepEqual(await dlq.delete(ids[0]), { deleted: 1, cursor: undefined });
  assert.deepEqual(await dlq.delete(ids.slice(1, 4)), { deleted: 3, cursor: undefined });
  assert.deepEqual(await dlq.delete({ dlqIds: ids[4] }), { deleted: 1, cursor: undefined });
  assert.equal((await dlq.delete([ids[0], ids[5]])).deleted, 1); // one of them is gone already
  await gone(ids.slice(0, 6));

  const labelled = idsOf(await listed({ label: ["images", "search"] }));
  const request = { filter: { label: ["images", "search"] }, count: 20 };
  const answers = await follow((batch) => dlq.delete(batch), request);
  assert.ok(answers.length > 1);
  assert.equal(sum(answers.map((answer) => answer.deleted)), labelled.length);
  await gone(labelled);

  assert.deepEqual(await dlq.delete([]), { deleted: 0 });
  await assert.rejects(dlq.delete(""));
  await assert.rejects(dlq.delete({ dlqIds: [] }));
}

async function startSome(kind) {
  const act = dlq[kind].bind(dlq);
  const ids = idsOf(await listed());
  const flowControl = { key: "slowly", rate: 10, parallelism: 5, period: "1m" };
  assert.equal(remember((await act(ids[0])).workflowRuns), 1);
  assert.equal(remember((await act(ids.slice(1, 4), { retries: 0, flowControl })).workflowRuns), 3);
  assert.equal(remember((await act({ dlqIds: ids[4] })).workflowRuns), 1);
  // The older way of calling returns runs without the object around them.
  assert.equal(remember([await act({ dlqId: ids[5], retries: 7 })]), 1);
  assert.equal(remember(await act({ dlqId: [ids[6], ids[7]], flowControl })), 2);
  await gone(ids.slice(0, 8));

  const labelled = idsOf(await listed({ label: "email" }));
  const answers = await follow(act, { filter: { label: "email" }, count: 5 });
  assert.ok(answers.length > 1);
  assert.equal(sum(answers.map((answer) => remember(answer.workflowRuns))), labelled.length);
  await gone(labelled);

  assert.deepEqual(await act([]), { workflowRuns: [] });
  await assert.rejects(act(""));
  await refused(act([ids[0], ids[8]]), 404);
  assert.ok(idsOf(await listed()).includes(ids[8]));
}

async function callBack() {
  const runs = await listed();
  const failed = runs.find((run) => run.failureCallbackInfo?.state === "CALLBACK_FAIL");
  const succeeded = runs.find((run) => run.failureCallbackInfo?.state === "CALLBACK_SUCCESS");
  remember([await dlq.retryFailureFunction({ dlqId: failed.dlqId })]);
  const again = (await listed()).find((run) => run.dlqId === failed.dlqId);
  assert.equal(again.failureCallbackInfo.state, "CALLBACK_INPROGRESS");
  await refused(dlq.retryFailureFunction({ dlqId: failed.dlqId }), 400);
  await refused(dlq.retryFailureFunction({ dlqId: succeeded.dlqId }), 400);
  await refused(dlq.retryFailureFunction({ dlqId: "1-0" }), 404);
  await assert.rejects(dlq.retryFailureFunction({ dlqId: "" }));
}

async function removeAll() {
  const before = (await listed()).length;
  const answers = await follow((request) => dlq.delete(request), { all: true });
  assert.equal(sum(answers.map((answer) => answer.deleted)), before);
}

async function startAll(kind) {
  const before = (await listed()).length;
  const answers = await follow((request) => dlq[kind](request, { retries: 2 }), { all: true });
  assert.ok(answers.every((answer) => answer.workflowRuns.length <= 50));
  assert.equal(sum(answers.map((answer) => remember(answer.workflowRuns))), before);
}

const stages = {
  read,
  "delete some": removeSome,
  "resume some": () => startSome("resume"),
  "restart some": () => startSome("restart"),
  "call back": callBack,
  "delete all": removeAll,
  "resume all": () => startAll("resume"),
  "restart all": () => startAll("restart"),
};

await stages[process.argv[2]]();
console.log(JSON.stringify({ left: idsOf(await listed()), started }));
