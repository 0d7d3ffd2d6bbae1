// Everything by keyboard alone: this script never touches the mouse.
import { ask, board, holds, ok, run, same, stands, until, visit } from './lib.mjs';

const TABS_MAX = 250;

await run(async (browser) => {
  const page = await visit(browser, board);
  const press = (key) => page.keyboard.press(key);
  const isAt = (selector) => page.evaluate((selector) => document.activeElement.matches(selector), selector);
  const reach = async (selector) => {
    for (let tabs = 0; tabs < TABS_MAX; tabs += 1) {
      if (await isAt(selector)) {
        const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
        holds(ring !== 'none', `one sees that one is at ${selector}`);
        return;
      }
      await press('Tab');
    }
    throw new Error(`the keyboard does not reach ${selector}`);
  };
  const dialog = page.getByRole('dialog');
  const closed = () => until('the dialog closes', async () => await dialog.count() === 0);

  await press('Tab');
  holds(await isAt('a.skip'), 'the first is what leads past the head');
  await press('Enter');
  await press('Tab');
  holds(await page.evaluate(() => document.activeElement.closest('#content') !== null), 'it leads there');
  ok('past the head');

  const plus = '.column[data-stage="offer"] a.plus';
  await reach(plus);
  await press('Enter');
  await until('one can type', () => isAt('dialog input[data-filter]'));
  await page.keyboard.type('email viewed');
  await until('it is found', async () => await dialog.locator('[data-text]:visible').count() < 5);
  await reach('dialog a.row[href*="type=email.viewed"]');
  await press('Enter');
  await dialog.getByRole('button', { name: 'Add trigger' }).waitFor();
  await reach('dialog button.primary');
  await press('Enter');
  await closed();
  holds(await isAt(plus), 'one is where one was');
  await until('it is on the board', async () => await page.locator('.column[data-stage="offer"] .trigger').count() === 2);
  await ask('publish', 'email.viewed', 'deal/3');
  await stands(page, 'deal/3', 'offer');
  ok('a trigger is added and fires');

  await reach('.column[data-stage="offer"] .trigger:last-child');
  await press('Enter');
  await dialog.getByRole('heading').first().waitFor();
  await press('Escape');
  await closed();
  holds(await isAt('.trigger'), 'one is where one was');
  ok('a trigger is looked at');

  await reach('.card[data-id="deal/3"] .move');
  await press('Enter');
  await until('one can choose', () => isAt('dialog input[type=radio]'));
  while (!(await page.evaluate(() => document.activeElement.value === 'won' && document.activeElement.checked))) await press('ArrowDown');
  await reach('dialog input[name=comment]');
  await page.keyboard.type('signed today');
  await press('Enter');
  await closed();
  await stands(page, 'deal/3', 'won');
  same(await ask('stage', 'deal/3'), 'won', 'the server says so too');
  await until('why', async () => /signed today/.test(await page.locator('#feed li').first().textContent()));
  ok('a card is moved, with a word why');

  await reach('#card-deal\\/3 a.name');
  await press('Enter');
  await page.getByRole('heading', { name: 'How it came here' }).waitFor();
  ok('a deal is looked at');

  await reach('nav a[href$="/list"]');
  await press('Enter');
  await page.waitForURL(/\/list$/);
  await reach('input[name=q]');
  await page.keyboard.type('deal/3');
  await press('Enter');
  await page.waitForURL(/q=deal/);
  same(await page.locator('tr[data-id]').count(), 1, 'what was searched for');
  ok('the list is searched');

  await reach('nav a[href$="/try"]');
  await press('Enter');
  await page.waitForURL(/\/try$/);
  await reach('input[name=type]');
  await page.keyboard.type('back');
  await press('Escape'); // what is suggested
  await reach('input[name=subjects]');
  await page.keyboard.type('deal/8');
  await reach('button[value=publish]');
  await press('Enter');
  await until('what came of it', async () => /deal\/8/.test(await page.locator('main').textContent()) && /Go back/.test(await page.locator('main').textContent()));
  ok('an event is published');
});
