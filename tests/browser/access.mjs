// Who sees and may do what.
import { accessible } from './axe.mjs';
import { address, ask, board, card, holds, ok, run, same, signIn, stands, until, visit } from './lib.mjs';

const token = (name) => process.env[`PAWL_${name.toUpperCase()}`];
const shown = (page) => page.evaluate(() => {
  const count = (selector) => document.querySelectorAll(selector).length;
  return [count('.card'), count('a.plus'), count('button.move'), count('.card[draggable=true]')];
});

// Asks for a change as the page itself could, whatever it shows.
const attempt = (page, path, fields) => page.evaluate(async ([path, fields]) => {
  const response = await fetch(path, { method: 'POST', body: new URLSearchParams(fields) });
  return response.status;
}, [path, fields]);

await run(async (browser) => {
  const viewer = await visit(browser, `${board}?fields=a,b`);
  same(new URL(viewer.url()).pathname, '/sign-in', 'who is not known is asked for a token');
  await accessible(viewer, 'signing in');
  for (const wrong of ['nonsense', token('viewer').slice(0, -1)]) {
    await viewer.getByLabel('Token').fill(wrong);
    await viewer.getByRole('button', { name: 'Sign in' }).click();
    await viewer.getByRole('alert').waitFor();
    same(new URL(viewer.url()).pathname, '/sign-in', 'nobody gets in with a wrong one');
  }
  await viewer.getByLabel('Token').fill(`  ${token('viewer')} `);
  await viewer.getByLabel('Token').press('Enter');
  await viewer.waitForURL(`${board}?fields=a,b`);
  ok('signing in leads to the page that was asked for');

  const [cookie] = await viewer.context().cookies();
  same([cookie.name, cookie.httpOnly, cookie.sameSite], ['pawl', true, 'Strict'], 'the cookie');
  same(await viewer.evaluate(() => document.cookie), '', 'what scripts see of it');
  ok('the token stays where no script reads it');

  same(await shown(viewer), [3, 0, 0, 0], 'a viewer sees cards and changes nothing');
  const editor = await visit(browser);
  await signIn(editor, token('editor'));
  same(await shown(editor), [3, 0, 3, 3], 'an editor moves cards');
  const admin = await visit(browser);
  await signIn(admin, token('admin'));
  same(await shown(admin), [3, 3, 3, 3], 'an admin adds triggers too');
  ok('each sees exactly theirs');

  // Whatever a page shows: the server says no, or yes.
  const changes = [
    ['/entities/deal/1/move', { stage: 'won' }, ['editor', 'admin']],
    ['/boards/sales/triggers', { stage: 'won', type: 'order.paid', state: 'ACTIVE' }, ['admin']],
    ['/triggers/back/state', { state: 'PAUSED', revision: '1' }, ['admin']],
    ['/triggers/back/delete', { revision: '2' }, ['admin']],
    ['/boards/sales/try', { type: 'nothing', subjects: 'deal/2', action: 'publish' }, ['admin']],
  ];
  for (const [name, page] of Object.entries({ viewer, editor, admin })) {
    for (const [path, fields, may] of changes) {
      const status = await attempt(page, path, fields);
      same([name, path, status === 403], [name, path, !may.includes(name)], `${status}`);
      holds(!may.includes(name) || status === 200, `${name} at ${path}: ${status}`);
    }
  }
  same((await shown(admin))[0], 3, 'nothing is lost');
  ok('each can do exactly theirs');

  await ask('publish', 'go', 'deal/0');
  for (const page of [viewer, editor, admin]) await stands(page, 'deal/0', 'offer');
  ok('all of them see it move');

  const publisher = await visit(browser);
  await signIn(publisher, token('publisher'));
  same(new URL(publisher.url()).pathname, '/boards/sales', 'where they wanted');
  for (const path of ['/boards/sales', '/boards/sales/cards?stage=new', '/entities/deal/1', '/triggers/go']) {
    same((await publisher.goto(`${address}${path}`)).status(), 403, `a publisher at ${path}`);
    holds(/look at boards/.test(await publisher.getByRole('alert').textContent()), 'they are told why');
    same(await publisher.locator('.card').count(), 0, 'they see no deal');
  }
  await publisher.goto(`${address}/`);
  same(new URL(publisher.url()).pathname, '/publish', 'where they begin');
  await publisher.getByLabel('What happened').fill('go');
  await publisher.getByLabel('To whom').fill('deal/2');
  await publisher.getByRole('button', { name: 'Publish' }).click();
  await stands(admin, 'deal/2', 'offer');
  ok('a publisher publishes, and sees no deal');

  const elsewhere = await visit(browser);
  await signIn(elsewhere, token('elsewhere'), `${address}/`);
  for (const path of ['/boards/sales', '/boards/sales/cards?stage=new', '/boards/sales/cards?ids=deal/0', '/boards/sales/live?from=AA']) {
    const [status, text] = await elsewhere.evaluate(async (path) => {
      const response = await fetch(path);
      return [response.status, await response.text()];
    }, path);
    holds([403, 404].includes(status) || !text.trim(), `${path} is not theirs: ${status} ${text}`);
    holds(!text.includes('deal/'), `nothing of it is told at ${path}: ${text}`);
  }
  same((await elsewhere.goto(`${address}/`)).status(), 200, 'their own list');
  same(await elsewhere.locator('a.row').count(), 0, 'is empty');
  ok('whoever may not look, or not here, sees nothing');

  await ask('revoke', 'editor');
  await until('the editor signs in again', () => new URL(editor.url()).pathname === '/sign-in');
  same(new URL(editor.url()).searchParams.get('then'), '/boards/sales', 'to come back');
  ok('a token that is revoked ends an open board');

  await admin.getByRole('button', { name: 'Sign out' }).click();
  await admin.waitForURL(`${address}/sign-in`);
  same(await admin.context().cookies(), [], 'no cookie is left');
  await admin.goto(board);
  same(new URL(admin.url()).pathname, '/sign-in', 'the board is closed');
  ok('signing out');
});
