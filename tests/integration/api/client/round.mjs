// The whole round of the public client against a running server: node round.mjs ADDRESS TOKEN.
import assert from 'node:assert/strict';
import { MastraClient } from '@mastra/client-js';

const [baseUrl, token] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}` };
const client = new MastraClient({ baseUrl, headers, retries: 0 });

const workflow = (id) => client.getWorkflow(`js-${id}`);
const made = (id, options) => workflow(id).createRun(options);
const order = (total, id = 'o1') => ({ inputData: { id, total } });

async function all(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

const types = (events) => events.map((event) => event.type);
const last = (events) => events.at(-1).payload.workflowStatus;

async function refused(promise, status, said) {
  const error = await promise.then(() => null, (found) => found);
  assert.ok(error, `was not refused with ${status}`);
  assert.equal(error.status, status, error.message);
  assert.equal(typeof error.body.error, 'string');
  if (said) assert.match(error.body.error, said);
  return error;
}

const rounds = {
  async looks() {
    const listed = await client.listWorkflows();
    assert.ok(listed['js-orders'].steps.approve);
    const partial = await client.listWorkflows({ tenant: 'é' }, true);
    assert.deepEqual(partial['js-orders'].steps, {});
    assert.equal(partial['js-orders'].stepCount, 2);
    const details = await workflow('nested').details();
    assert.deepEqual(Object.keys(details.allSteps), [
      'add', 'js-inner', 'js-inner.add', 'js-inner.inner-ask',
    ]);
    const { inputSchema, outputSchema } = await workflow('orders').getSchema();
    assert.equal(inputSchema.properties.total.type, 'integer');
    assert.equal(outputSchema.type, 'string');
    const counts = await client.listWorkflowRunCounts();
    assert.equal(typeof counts['js-orders'].suspended, 'number');
    await refused(workflow('gone').details(), 404, /^Workflow not found$/);
  },

  async waits() {
    const run = await made('orders', { runId: 'waits', resourceId: 'shop' });
    const asked = await run.startAsync(order(900));
    assert.equal(asked.status, 'suspended');
    assert.deepEqual(asked.suspended, [['approve']]);
    assert.deepEqual(asked.suspendPayload, { approve: { reason: 'costs 900' } });
    await refused(run.startAsync(order(1)), 409);
    const wrong = run.resumeAsync({ step: 'approve', resumeData: { approved: 'maybe' } });
    assert.ok((await refused(wrong, 400)).body.issues.length);
    const done = await run.resumeAsync({ step: 'approve', resumeData: { approved: true } });
    assert.equal(done.result, 'charged 900 for o1');
    assert.equal(typeof done.steps.approve.resumedAt, 'number');
    await refused(run.resumeAsync({ step: 'approve', resumeData: { approved: true } }), 409);
    const again = await made('orders', { runId: 'waits' });
    assert.equal(again.runId, 'waits');

    const failed = await (await made('orders')).startAsync(order(5, 'broken'));
    assert.ok(failed.error instanceof Error);
    assert.equal(failed.error.message, 'the bank said no');
  },

  async goesOnAtOnce() {
    const run = await made('orders');
    assert.ok((await run.start(order(900))).message);
    await all(await run.observe());
    assert.ok((await run.resume({ resumeData: { approved: true } })).message);
    const events = await all(await run.observe());
    assert.equal(last(events), 'success');
    assert.equal(events.filter((event) => event.type === 'workflow-start').length, 2);

    const other = await made('orders');
    await other.startAsync(order(900));
    const { runId } = await other.resumeNoWait({ step: 'approve', resumeData: { approved: true } });
    assert.equal(runId, other.runId);
    await all(await other.observe());
  },

  async streams() {
    const run = await made('orders');
    const first = await all(await run.stream(order(900)));
    assert.deepEqual(types(first), [
      'workflow-start', 'workflow-step-start', 'workflow-step-suspended', 'workflow-finish',
    ]);
    assert.equal(last(first), 'suspended');
    const second = await all(await run.resumeStream({ resumeData: { approved: true } }));
    assert.equal(second[0].type, 'workflow-start');
    assert.deepEqual(second[1].payload.resumePayload, { approved: true });
    assert.equal(second.at(-1).payload.finalWorkflowResult, 'charged 900 for o1');
    const observed = await all(await run.observe());
    assert.deepEqual(observed, [...first, ...second]);
    for (const offset of [0, 2, first.length, observed.length - 1, observed.length, 1000]) {
      assert.deepEqual(await all(await run.observe({ offset })), observed.slice(offset));
    }
    await refused(run.stream(order(1)), 409);
    await refused(run.observe({ offset: 'x' }), 400);

    const open = await made('orders');
    const reading = all(await open.stream({ ...order(900), closeOnSuspend: false }));
    await all(await open.observe());
    await open.resumeAsync({ resumeData: { approved: true } });
    assert.equal((await reading).at(-1).payload.workflowStatus, 'success');
  },

  async writes() {
    const events = await all(await (await made('talking')).stream({ inputData: 'héé' }));
    const said = events.find((event) => event.type === 'workflow-step-output');
    assert.equal(said.from, 'USER');
    assert.deepEqual(said.payload.output, { said_by: 'talk' });
    const own = events.find((event) => event.type === 'data-progress');
    assert.deepEqual(own.data, { half_done: true });
    assert.ok(events.some((event) => event.type === 'data-passing'));
    assert.deepEqual(events.at(-1).payload.finalWorkflowResult, { snake_case: 'héé' });
  },

  async asksInside() {
    const run = await made('nested');
    const asked = await run.startAsync({ inputData: 1 });
    assert.deepEqual(asked.suspended, [['js-inner', 'inner-ask']]);
    assert.deepEqual(asked.suspendPayload, { 'js-inner': { n: 3 } });
    const done = await run.resumeAsync({ step: ['js-inner', 'inner-ask'], resumeData: 4 });
    assert.equal(done.result, 7);

    const items = await made('items');
    const waiting = await items.startAsync({ inputData: [-1, 2, -3] });
    assert.deepEqual(waiting.suspended, [['each']]);
    assert.deepEqual(waiting.suspendPayload, { each: { item: -1 } });
    const one = await items.resumeAsync({ step: 'each', forEachIndex: 2, resumeData: 1 });
    assert.equal(one.status, 'suspended');
    const both = await items.resumeAsync({ step: 'each', resumeData: 1 });
    assert.deepEqual(both.result, [-2, 4, -6]);
  },

  async travels() {
    const run = await made('two');
    const requestContext = { tenant: 'acme' };
    const first = await run.startAsync({ inputData: 1, requestContext });
    assert.deepEqual(first.result, { value: 1, tenant: 'acme' });
    const again = await run.timeTravelAsync({ step: 'anything', inputData: 5 });
    assert.deepEqual(again.result, { value: 5, tenant: 'acme' });
    const context = { first: { status: 'success', payload: 1, output: 6, startedAt: 0, endedAt: 0 } };
    const events = await all(await run.timeTravelStream({ step: 'anything', context }));
    assert.deepEqual(types(events).slice(0, 2), ['workflow-start', 'workflow-step-start']);
    assert.equal(events[1].payload.id, 'anything');
    assert.equal(events.at(-1).payload.finalWorkflowResult.value, 6);
    assert.ok((await run.timeTravel({ step: 'anything' })).message);
    await all(await run.observe());
    await refused(run.timeTravelAsync({ step: 'nothing' }), 400, /nothing/);
    await refused(run.timeTravelAsync({}), 400);
  },

  async stepsOneByOne() {
    const run = await made('two');
    const events = await all(await run.stream({ inputData: 1, perStep: true }));
    assert.deepEqual(types(events).slice(-2), ['workflow-paused', 'workflow-finish']);
    assert.equal(last(events), 'paused');
  },

  async restarts() {
    const run = await made('lingering');
    await refused(run.restartAsync(), 409);
    await run.start({ inputData: 0.5 });
    await run.restart({});
    const events = await all(await run.observe());
    assert.equal(last(events), 'success');
    await refused(run.restartAsync(), 409);
  },

  async cancels() {
    const run = await made('lingering');
    await run.start({ inputData: 60 });
    assert.equal((await run.cancel()).message, 'Workflow run canceled');
    const events = await all(await run.observe());
    assert.deepEqual(types(events).slice(-2), ['workflow-canceled', 'workflow-finish']);
    assert.equal(last(events), 'canceled');
    assert.ok((await run.cancel()).message);
    const pending = await made('lingering');
    await pending.cancelRun();
    assert.equal((await workflow('lingering').runById(pending.runId)).status, 'canceled');
  },

  async lists() {
    const run = await made('every', { runId: 'lists', resourceId: 'r-1' });
    const done = await run.startAsync({ inputData: 1, initialState: { count: 3 } });
    assert.deepEqual(done.result, [2, 3, 4]);
    const whole = await workflow('every').runById('lists');
    assert.equal(whole.resourceId, 'r-1');
    assert.equal(whole.payload, 1);
    assert.deepEqual(whole.initialState, { count: 3 });
    assert.equal(whole.steps['is_more'].metadata.iterationCount > 1, true);
    assert.ok(!('input' in whole.steps));
    const part = await workflow('every').runById('lists', { fields: ['result'] });
    assert.ok(!('steps' in part) && 'result' in part && part.status === 'success');
    await refused(workflow('every').runById('lists', { fields: ['nope'] }), 400);
    await refused(workflow('two').runById('lists'), 404, /^Workflow run not found$/);
    const { runs, total } = await workflow('every').runs({ resourceId: 'r-1', perPage: 1, page: 0 });
    assert.equal(total, 1);
    assert.equal(runs[0].snapshot.context.left.output, 2);
    const none = await workflow('every').runs({ fromDate: new Date(Date.now() + 60000) });
    assert.deepEqual(none, { runs: [], total: 0 });
    await refused(workflow('every').runs({ limit: false }), 400);
    assert.ok((await workflow('every').deleteRunById('lists')).message);
    await refused(workflow('every').deleteRunById('lists'), 404);
    const busy = await made('lingering');
    await busy.start({ inputData: 60 });
    await refused(workflow('lingering').deleteRunById(busy.runId), 409);
    await busy.cancel();
  },

  async schedules() {
    const options = { workflowId: 'js-two', id: 'each morning', cron: '0 9 * * *', inputData: 2 };
    const made = await client.createSchedule({ ...options, metadata: { a_b: 1 } });
    assert.equal(made.workflowId, 'js-two');
    assert.equal(made.nextFireAt > Date.now(), true);
    await refused(client.createSchedule(options), 409);
    await refused(client.createSchedule({ ...options, id: 'x', cron: 'nope' }), 400);
    await refused(client.createSchedule({ ...options, id: 'x', workflowId: 'gone' }), 404);
    await refused(client.createSchedule({ agentId: 'a', prompt: 'b', cron: '@daily' }), 400);
    const patched = await client.updateSchedule(made.id, { cron: '@hourly', metadata: { c: 2 } });
    assert.equal(patched.cron, '@hourly');
    assert.deepEqual(patched.metadata, { c: 2 });
    assert.equal((await client.pauseSchedule(made.id)).status, 'paused');
    assert.equal((await client.pauseSchedule(made.id)).nextFireAt, null);
    assert.equal((await client.resumeSchedule(made.id)).status, 'active');
    const fired = await client.runSchedule(made.id);
    assert.equal(fired.scheduleId, made.id);
    const run = await client.getWorkflow('js-two').createRun({ runId: fired.claimId });
    await all(await run.observe());
    const { triggers } = await client.listScheduleTriggers(made.id, { limit: 5 });
    assert.equal(triggers[0].runId, fired.claimId);
    assert.equal(triggers[0].triggerKind, 'manual');
    assert.equal(triggers[0].run.status, 'success');
    assert.equal((await client.getSchedule(made.id)).lastRun.status, 'success');
    const { schedules } = await client.listSchedules({ workflowId: 'js-two' });
    assert.deepEqual(schedules.map((each) => each.id), ['wf_js-two', made.id]);
    assert.ok((await client.deleteSchedule(made.id)).message);
    await refused(client.getSchedule(made.id), 404);
  },

  async refuses() {
    const nobody = new MastraClient({ baseUrl });
    await refused(nobody.listWorkflows(), 401);
    await refused(client.listAgents(), 404, /^Not Found$/);
  },
};

for (const [name, round] of Object.entries(rounds)) {
  await round();
  console.log(`ok ${name}`);
}
