// The DLQ client of the vendor's JavaScript SDK against the emulator: `node dlq.mjs STAGE`. QSTASH_URL is the emulator.
//
// Stages assert what the SDK returns. The last line of the output is JSON for run.py: what the SDK sees in the queue at
// the end, and the ids of the runs that were started. SDKs before 1.2.1 call with one object and cannot act by filters.
import assert from "node:assert/strict";
import { Client } from "@upstash/workflow";

const { dlq } = new Client({ baseUrl: process.env.QSTASH_URL, token: process.env.QSTASH_TOKEN, retry: false });
const older = dlq.delete === undefined;
const started = [];

async function pages(parameters = {}) {
  const found = [];
  let cursor;
  do {
    const page = await dlq.list({ count: 40, ...parameters, cursor });
    found.push(page.messages);
    cursor = page.cursor;
  } while (cursor);
  return found;
}

async function listed(filter) {
  return (await pages({ filter })).flat();
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

/** Asserts that a call fails with this status. The SDK logs what it throws. */
async function refused(call, status) {
  const { error } = console;
  console.error = () => {};
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

/** Calls again with the returned cursor until there is none; all that was returned. */
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

/** Every filter that the SDK has, with a value that some of the runs match, and how they match it. */
function filters(runs) {
  const one = runs.find((run) => run.flowControlKey && run.callerIP);
  const [early, late] = [runs[20], runs[5]].map(enteredAt);
  const between = (run) => early <= enteredAt(run) && enteredAt(run) <= late;
  const both = [
    [{ workflowRunId: one.workflowRunId }, (run) => run.workflowRunId === one.workflowRunId],
    [{ workflowCreatedAt: one.workflowCreatedAt }, (run) => run.workflowCreatedAt === one.workflowCreatedAt],
    [{ failureFunctionState: "CALLBACK_FAIL" }, (run) => stateOf(run) === "CALLBACK_FAIL"],
    [{ label: "billing" }, (run) => labelsOf(run).includes("billing")],
    [{ fromDate: early, toDate: late }, between],
  ];
  if (older) return both;
  const emails = ["email", "search"];
  const label = runs.slice(5, 20).flatMap(labelsOf).find(Boolean);
  return [
    ...both,
    [{ callerIp: one.callerIP }, (run) => run.callerIP === one.callerIP],
    [{ flowControlKey: one.flowControlKey }, (run) => run.flowControlKey === one.flowControlKey],
    [{ workflowUrl: one.workflowUrl }, (run) => run.workflowUrl === one.workflowUrl],
    [{ label: emails }, (run) => labelsOf(run).some((label) => emails.includes(label))],
    [{ fromDate: new Date(early), toDate: new Date(late) }, between],
    [{ fromDate: new Date(early), label }, (run) => early <= enteredAt(run) && labelsOf(run).includes(label)],
  ];
}

/** Filters of the list alone. */
function listFilters(runs) {
  const url = runs[20].url;
  return [
    ...filters(runs),
    [{ url }, (run) => run.url === url],
    [{ responseStatus: 489 }, (run) => run.responseStatus === 489],
  ];
}

async function read() {
  const found = await pages();
  const runs = found.flat();
  assert.ok(found.length > 2 && found.slice(0, -1).every((page) => page.length === 40));
  assert.equal(new Set(idsOf(runs)).size, runs.length);
  assert.ok(runs.every((run) => run.workflowRunId && run.workflowUrl && run.header && run.createdAt));
  assert.equal((await dlq.list()).messages.length, 100);
  assert.equal((await dlq.list({ count: 7 })).messages.length, 7);

  for (const [filter, matches] of listFilters(runs)) {
    const wanted = idsOf(runs.filter(matches));
    assert.ok(wanted.length > 0, JSON.stringify(filter));
    assert.deepEqual(idsOf(await listed(filter)), wanted, JSON.stringify(filter));
  }
  assert.deepEqual(await listed({ label: "nobody" }), []);
  for (const filter of [{ labeel: "billing" }, { host: "billing.example.com" }, { path: "/api" }]) {
    await refused(dlq.list({ filter }), 400);
  }
}

async function removeSome() {
  const ids = idsOf(await listed());
  assert.deepEqual(await dlq.delete(ids[0]), { deleted: 1, cursor: undefined });
  assert.deepEqual(await dlq.delete(ids.slice(1, 4)), { deleted: 3, cursor: undefined });
  assert.deepEqual(await dlq.delete({ dlqIds: ids[4] }), { deleted: 1, cursor: undefined });
  assert.equal((await dlq.delete([ids[0], ids[5]])).deleted, 1); // one of them is gone already
  assert.equal((await dlq.delete({ dlqIds: ids.slice(6, 126) })).deleted, 120); // more than a page
  await gone(ids.slice(0, 126));

  assert.deepEqual(await dlq.delete([]), { deleted: 0 });
  await assert.rejects(dlq.delete({ dlqIds: [] }));
  const before = (await listed()).length;
  for (const filter of [{ labeel: "billing" }, { host: "billing.example.com" }, { responseStatus: 500 }]) {
    await refused(dlq.delete({ filter }), 400);
  }
  assert.equal((await listed()).length, before);
}

/** Each filter on its own: what is handled is what the list showed. */
async function byFilters(act, count, handled) {
  const { length } = filters(await listed());
  let batches = 0;
  for (let number = 0; number < length; number++) {
    const before = await listed();
    const [filter, matches] = filters(before)[number];
    const wanted = before.filter(matches).length;
    assert.ok(wanted > 0, JSON.stringify(filter));
    const answers = await follow(act, { filter, count });
    assert.equal(sum(answers.map(handled)), wanted, JSON.stringify(filter));
    const left = before.filter((run) => !matches(run));
    assert.deepEqual(idsOf(await listed()), idsOf(left), JSON.stringify(filter));
    batches += answers.length;
  }
  assert.ok(batches > length);
}

const removeByFilters = () => byFilters((request) => dlq.delete(request), 20, (answer) => answer.deleted);
const startByFilters = (kind) => () =>
  byFilters((request) => dlq[kind](request, { retries: 1 }), 5, (answer) => remember(answer.workflowRuns));

const FLOW_CONTROLS = [
  { key: "slowly", rate: 10, parallelism: 5, period: "1m" },
  { key: "slowly", rate: 10, parallelism: 5, period: 60 },
  { key: "slowly", ratePerSecond: 10, parallelism: 5, period: "60s" },
];

async function startSome(kind) {
  const act = dlq[kind].bind(dlq);
  const ids = idsOf(await listed());
  // The older way of calling returns runs without the object around them. 1.3.3 still has it.
  assert.equal(remember([await act({ dlqId: ids[0], retries: 7 })]), 1);
  for (const [number, flowControl] of FLOW_CONTROLS.entries()) {
    assert.equal(remember(await act({ dlqId: [ids[2 * number + 1], ids[2 * number + 2]], flowControl, retries: 0 })), 2);
  }
  assert.equal(remember(await act({ dlqId: ids.slice(7, 67) })), 60); // more than a batch
  await gone(ids.slice(0, 67));
  await refused(act({ dlqId: [ids[0], ids[67]] }), 404);
  await refused(act({ dlqId: ids[0] }), 404);
  assert.ok(idsOf(await listed()).includes(ids[67]));
  if (older) return;

  const [flowControl] = FLOW_CONTROLS;
  assert.equal(remember((await act(ids[67])).workflowRuns), 1);
  assert.equal(remember((await act(ids.slice(68, 71), { retries: 0, flowControl })).workflowRuns), 3);
  assert.equal(remember((await act({ dlqIds: ids[71] }, { flowControl })).workflowRuns), 1);
  assert.equal(remember((await act({ dlqIds: ids.slice(72, 132) })).workflowRuns), 60);
  await gone(ids.slice(0, 132));
  assert.deepEqual(await act([]), { workflowRuns: [] });
  await refused(act([ids[0], ids[132]]), 404);
  await refused(act({ filter: { labeel: "billing" } }), 400);
  assert.ok(idsOf(await listed()).includes(ids[132]));
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
}

async function removeAll() {
  const before = (await listed()).length;
  const answers = await follow((request) => dlq.delete(request), { all: true });
  assert.equal(answers.length, Math.ceil(before / 100));
  assert.equal(sum(answers.map((answer) => answer.deleted)), before);
}

async function startAll(kind) {
  const before = (await listed()).length;
  const answers = await follow((request) => dlq[kind](request, { retries: 2 }), { all: true, count: 30 });
  assert.equal(answers.length, Math.ceil(before / 30));
  assert.equal(sum(answers.map((answer) => remember(answer.workflowRuns))), before);
}

const stages = {
  read,
  "resume some": () => startSome("resume"),
  "restart some": () => startSome("restart"),
  "call back": callBack,
  ...(older
    ? {}
    : {
        "delete some": removeSome,
        "delete by filters": removeByFilters,
        "resume by filters": startByFilters("resume"),
        "restart by filters": startByFilters("restart"),
        "delete all": removeAll,
        "resume all": () => startAll("resume"),
        "restart all": () => startAll("restart"),
      }),
};

const stage = process.argv[2];
if (stage === undefined) {
  console.log(JSON.stringify(Object.keys(stages)));
} else {
  await stages[stage]();
  console.log(JSON.stringify({ left: idsOf(await listed()), started }));
}
