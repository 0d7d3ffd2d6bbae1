// A page in headless Chromium that calls by gRPC-Web with connect-web. Usage: browser.mjs ADDRESS
// DESCRIPTORS ORIGIN, with PAWL_TOKEN. Prints a line beginning with "ok" for each check.
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const [address, descriptors, origin] = process.argv.slice(2);
// What the page does; it knows the contract by its descriptors.
const contents = `
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

window.run = async (address, descriptors, token) => {
  const bytes = Uint8Array.from(atob(descriptors), (letter) => letter.charCodeAt(0));
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
  const withToken = (next) => (request) => {
    if (token) request.header.set('authorization', 'Bearer ' + token);
    return next(request);
  };
  const transport = createGrpcWebTransport({ baseUrl: 'https://' + address, interceptors: [withToken] });
  const client = (name) => createClient(registry.getService('pawl.v1.' + name), transport);
  const told = [];
  if (!token) {
    const error = await client('PipelineService').listPipelines({}).catch((e) => e);
    if (!(error instanceof ConnectError) || error.code !== Code.Unauthenticated) throw error;
    return ['ok nobody gets in without a token'];
  }
  const stages = [{ stageId: 'new' }, { stageId: 'read' }];
  const pipeline = { pipelineId: 'sales', entityKind: 'deal', stages };
  await client('PipelineService').createPipeline({ pipeline });
  const trigger = { pipelineId: 'sales', stageId: 'read', triggerType: 'email.viewed' };
  await client('TriggerService').createTrigger({ trigger });
  await client('EntityService').createEntity({ entity: { entityId: 'deal/1', pipelineId: 'sales' } });
  told.push('ok a pipeline, a trigger and a deal');
  const watching = (async () => {
    for await (const message of client('MoveService').watchMoves({ start: { case: 'earliest', value: {} } })) {
      for (const { frame } of message.frames) if (frame.case === 'move') return frame.value;
    }
  })();
  const event = { eventId: '1', source: 's', type: 'email.viewed', subjects: ['deal/1'] };
  const { outcome } = await client('EventService').publishEvent({ event });
  if (outcome.decisions[0].outcome !== 1) throw new Error('not moved');
  told.push('ok an event moves it');
  if ((await watching).toStageId !== 'read') throw new Error('moved elsewhere');
  told.push('ok the move is watched');
  const error = await client('PipelineService').getPipeline({ pipelineId: 'nothing' }).catch((e) => e);
  if (error.code !== Code.NotFound) throw error;
  const info = error.details.find((detail) => detail.type === 'google.rpc.ErrorInfo');
  if (!new TextDecoder().decode(info.value).includes('PIPELINE_NOT_FOUND')) throw new Error('no reason');
  told.push('ok an error with its reason');
  return told;
};`;
const bundled = await build({
  stdin: { contents, resolveDir: import.meta.dirname },
  bundle: true,
  write: false,
});
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
// A page of elsewhere may call this machine only when its user says so, whom there is nobody to ask.
const args = ['--no-sandbox', '--disable-features=LocalNetworkAccessChecks'];
const browser = await chromium.launch({ executablePath, args });
try {
  // The authority is the test's own; that TLS is checked is for the other clients to show.
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  const body = `<script>${bundled.outputFiles[0].text.replaceAll('</script', '<\\/script')}</script>`;
  await page.route(`${origin}/`, (route) => route.fulfill({ contentType: 'text/html', body }));
  await page.goto(`${origin}/`);
  const contract = readFileSync(descriptors).toString('base64');
  for (const token of ['', process.env.PAWL_TOKEN]) {
    const told = await page.evaluate((args) => window.run(...args), [address, contract, token]);
    told.forEach((line) => console.log(line));
  }
} finally {
  await browser.close();
}
