// A board worked with by mouse: cards are dragged.
import { ask, board, card, cards, column, counts, feed, holds, ok, run, same, stands, until, visit } from './lib.mjs';

const toast = (page) => page.locator('#toast');

await run(async (browser) => {
  const page = await visit(browser, board);
  const other = await visit(browser, board);
  const asked = [];
  page.on('request', (request) => { if (request.method() === 'POST') asked.push(request.url()); });

  await card(page, 'deal/1').dragTo(column(page, 'offer'));
  for (const each of [page, other]) await stands(each, 'deal/1', 'offer');
  same(await ask('stage', 'deal/1'), 'offer', 'the server says so too');
  await until('by hand', async () => /by hand/.test(await card(other, 'deal/1').locator('.cause').textContent()));
  await until('one move', async () => (await feed(page)).length === 1);
  ok('a card that is dragged moves, for others too');

  // Back to where it is: nothing happens.
  await card(page, 'deal/1').dragTo(column(page, 'offer'));
  await card(page, 'deal/2').dragTo(column(page, 'won'));
  for (const each of [page, other]) await stands(each, 'deal/2', 'won');
  await until('two moves', async () => (await feed(page)).length === 2);
  same(asked.length, 2, 'nothing was asked for besides');
  same(await ask('stage', 'deal/1'), 'offer', 'it stays');
  ok('a card that is dropped where it was stays');

  // What is closed is reopened by hand as well as anything else is moved.
  await card(page, 'deal/2').dragTo(column(page, 'new'));
  for (const each of [page, other]) await stands(each, 'deal/2', 'new');
  holds(await toast(page).isHidden(), 'nobody complains');
  same((await cards(page)).won, [], 'none is left');
  ok('a card is dragged back');

  await ask('hundred');
  await until('that there are many', async () => (await counts(page)).new === 129);
  // Counts and cards need not come together.
  await until('as many as fit', async () => (await cards(page)).new.length === 50);
  const more = column(page, 'new').getByRole('button', { name: 'More' });
  while (await more.isVisible()) {
    const before = (await cards(page)).new.length;
    await more.click();
    await until('more of them', async () => (await cards(page)).new.length > before);
  }
  const ids = (await cards(page)).new;
  same([ids.length, new Set(ids).size], [129, 129], 'all of them, each once');
  await ask('publish', 'go', 'deal/h99');
  await stands(page, 'deal/h99', 'offer');
  same((await cards(page)).new.length, 128, 'they stay');
  ok('a long column is shown to its end');
});
