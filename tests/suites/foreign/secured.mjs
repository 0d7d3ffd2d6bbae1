// A client in Node over TLS with a token. Usage: secured.mjs ADDRESS CA_FILE, with PAWL_TOKEN and
// PAWL_PROTO. Prints a line beginning with "ok" for each check.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const [address, caFile] = process.argv.slice(2);
const services = ['pipeline', 'trigger', 'entity', 'event', 'move'];
const files = services.map((name) => `pawl/v1/${name}_service.proto`);
const options = { keepCase: true, enums: String, includeDirs: [process.env.PAWL_PROTO] };
const { v1 } = grpc.loadPackageDefinition(loader.loadSync(files, options)).pawl;
const tls = grpc.credentials.createSsl(readFileSync(caFile));
const metadata = new grpc.Metadata();
metadata.set('authorization', `Bearer ${process.env.PAWL_TOKEN}`);

const call = (service, method, message, meta = metadata) =>
  new Promise((done, fail) => {
    const client = new v1[service](address, tls);
    client[method](message, meta, (error, answer) => (error ? fail(error) : done(answer)));
  });

const stages = [{ stage_id: 'new' }, { stage_id: 'read' }];
const pipeline = { pipeline_id: 'sales', entity_kind: 'deal', stages };
await call('PipelineService', 'CreatePipeline', { pipeline });
const trigger = { pipeline_id: 'sales', stage_id: 'read', trigger_type: 'email.viewed' };
await call('TriggerService', 'CreateTrigger', { trigger });
await call('EntityService', 'CreateEntity', { entity: { entity_id: 'deal/1', pipeline_id: 'sales' } });
console.log('ok a pipeline, a trigger and a deal');

const watch = new v1.MoveService(address, tls).WatchMoves({ earliest: {} }, metadata);
const moved = new Promise((done, fail) => {
  watch.on('error', fail);
  watch.on('data', ({ frames }) => {
    const move = frames.find((frame) => frame.move);
    if (move) done(move.move);
  });
});
const event = { event_id: '1', source: 's', type: 'email.viewed', subjects: ['deal/1'] };
const { outcome } = await call('EventService', 'PublishEvent', { event });
assert.equal(outcome.decisions[0].outcome, 'DECISION_OUTCOME_MOVED');
console.log('ok an event moves it');
assert.equal((await moved).to_stage_id, 'read');
watch.removeAllListeners('error');
watch.on('error', () => {});
watch.cancel();
console.log('ok the move is watched');

for (const [meta, code, reason] of [
  [metadata, grpc.status.ALREADY_EXISTS, 'EVENT_ID_REUSED'],
  [new grpc.Metadata(), grpc.status.UNAUTHENTICATED, 'UNAUTHENTICATED'],
]) {
  const other = { ...event, subjects: ['deal/2'] };
  const error = await call('EventService', 'PublishEvent', { event: other }, meta).catch((e) => e);
  assert.equal(error.code, code, String(error));
  const details = error.metadata.get('grpc-status-details-bin')[0];
  assert.ok(details.includes(reason), String(details));
}
console.log('ok errors with their reasons');
process.exit(0);
