// Triggers added, changed and deleted on the board, by mouse; what they do is seen at once.
import { ask, board, card, column, holds, ok, run, same, stands, until, visit } from './lib.mjs';

const chips = (page, stage) => column(page, stage).locator('.trigger');

await run(async (browser) => {
  const page = await visit(browser, board);
  const other = await visit(browser, board);
  const dialog = page.getByRole('dialog');
  const closed = () => until('the dialog closes', async () => await dialog.count() === 0);

  await column(page, 'offer').locator('a.plus').click();
  await dialog.getByRole('heading', { name: 'Add a trigger to offer' }).waitFor();
  const search = dialog.getByLabel('Search');
  holds(await search.evaluate((input) => input === document.activeElement), 'one can type at once');
  const rows = dialog.locator('[data-text]:visible');
  const total = await rows.count();
  await search.pressSequentially('EMAIL view');
  await until('fewer types', async () => await rows.count() < total);
  for (const text of await rows.allTextContents()) holds(/email/i.test(text), `${text} was searched for`);
  same(await dialog.locator('section:visible').count(), 1, 'sections in which something is left');
  await dialog.locator('a.row:visible', { hasText: 'email.viewed' }).click();
  ok('the catalogue is searched');

  const add = dialog.getByRole('button', { name: 'Add trigger' });
  const result = dialog.locator('[data-result]');
  await until('what it would have done', async () => /can be saved/.test(await result.textContent()));
  await dialog.getByLabel('Condition').fill('entity.fields.amount >');
  await until('what is wrong', async () => await result.locator('.problem').count() > 0);
  await add.click();
  await dialog.getByRole('alert').first().waitFor();
  same(await dialog.getByLabel('Condition').inputValue(), 'entity.fields.amount >', 'what was typed');
  same(await chips(page, 'offer').count(), 1, 'nothing was saved');
  ok('what is wrong is told before and after sending');

  await dialog.getByLabel('Condition').fill("entity.entity_id != 'deal/9'");
  await dialog.locator('input[name=name]').fill('<b>Offer</b> read');
  await add.click();
  await closed();
  for (const each of [page, other]) {
    await until('it is on the board', async () => (await chips(each, 'offer').allTextContents()).some((text) => text.includes('<b>Offer</b> read')));
  }
  await ask('publish', 'email.viewed', 'deal/9 deal/4');
  for (const each of [page, other]) await stands(each, 'deal/4', 'offer');
  same(await ask('stage', 'deal/9'), 'new', 'its condition does not hold');
  same(await card(other, 'deal/4').locator('.cause').textContent(), 'by <b>Offer</b> read', 'the cause');
  ok('a trigger that was added through the plus fires');

  const chip = (each) => chips(each, 'offer').filter({ hasText: 'Offer' });
  await chip(page).click();
  await dialog.getByRole('button', { name: 'Pause' }).click();
  await closed();
  for (const each of [page, other]) await until('it is paused', async () => /paused/.test(await chip(each).textContent()));
  await ask('publish', 'email.viewed', 'deal/5');
  await ask('publish', 'go', 'deal/6');
  await stands(page, 'deal/6', 'offer');
  same(await ask('stage', 'deal/5'), 'new', 'a paused trigger moves nothing');
  ok('a trigger is paused');

  await chip(page).click();
  await dialog.getByRole('link', { name: 'Delete' }).click();
  await dialog.getByRole('heading', { name: /^Delete/ }).waitFor();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await closed();
  for (const each of [page, other]) await until('it is gone', async () => await chip(each).count() === 0);
  ok('a trigger is deleted');

  await page.goto(`${board}/try?subjects=deal/5`);
  await page.getByLabel('What happened').fill('go');
  await page.getByRole('button', { name: 'Preview' }).click();
  await until('what it would do', async () => /deal\/5/.test(await page.locator('main').textContent())
    && /Go there/.test(await page.locator('main').textContent()));
  same(await ask('stage', 'deal/5'), 'new', 'a preview changes nothing');
  await page.getByRole('button', { name: 'Publish' }).click();
  await stands(other, 'deal/5', 'offer');
  ok('an event is tried, then published');

  await page.goto(`${board}/list`);
  const listed = page.locator('tr[data-id]');
  same(await listed.count(), 30, 'all deals');
  await page.getByLabel('Stage').selectOption('offer');
  await page.getByRole('button', { name: 'Show' }).click();
  await until('a stage', async () => await listed.count() === 3);
  await page.getByLabel('Search').fill('DEAL/4');
  await page.getByLabel('Search').press('Enter');
  await until('a word', async () => await listed.count() === 1);
  await page.getByRole('link', { name: 'deal/4' }).click();
  await page.getByRole('heading', { name: 'How it came here' }).waitFor();
  holds(/new → offer/.test(await page.locator('.timeline').textContent()), 'its story');
  ok('the list is filtered, and leads to a deal and its story');

  await page.goto(`${board}/pictures`);
  holds(await page.locator('.chart svg').count() >= 3, 'there are pictures');
  holds(/3 moves within the last hour/.test(await page.locator('main').textContent()), 'the numbers');
  ok('pictures');
});
