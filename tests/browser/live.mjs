// What happens elsewhere is seen on an open board, also after the server was killed.
import {
  address, ask, board, card, cards, column, counts, feed, holds, ok, run, same, stands, until, visit,
} from './lib.mjs';

// The page was not loaded anew since.
const mark = (page) => page.evaluate(() => { window.marked = true; });
const isMarked = (page) => page.evaluate(() => window.marked === true);
const alike = (one, other) => JSON.stringify(one) === JSON.stringify(other);

// Waits until the page shows what the server has, each once, and nothing else.
async function agrees(page, what) {
  const truth = JSON.parse(await ask('truth'));
  await until(`${what}: counts`, async () => alike(Object.entries(await counts(page)), truth.counts));
  await until(`${what}: cards`, async () => {
    const shown = Object.entries(await cards(page)).map(([stage, ids]) => [stage, ids.sort()]);
    return alike(shown, truth.cards);
  });
  await until(`${what}: latest moves`, async () => alike(await feed(page), truth.moves));
}

await run(async (browser) => {
  const first = await visit(browser, `${address}/`);
  same(new URL(first.url()).pathname, '/boards/sales', 'the only pipeline is where one begins');
  const second = await visit(browser, board);
  for (const page of [first, second]) await mark(page);
  await agrees(first, 'a fresh board');
  ok('the board shows what is there');

  await ask('publish', 'go', 'deal/0');
  for (const page of [first, second]) await stands(page, 'deal/0', 'offer');
  same((await cards(first)).offer[0], 'deal/0', 'what came last is on top');
  const cause = card(first, 'deal/0').locator('.cause');
  await until('the cause', async () => await cause.textContent() === 'by Go there');
  holds(await cause.isVisible(), 'the cause is seen');
  for (const page of [first, second]) await agrees(page, 'after a move');
  ok('a publish over gRPC moves the card in both tabs, and says why');

  await ask('create', 'deal/new');
  await stands(first, 'deal/new', 'new');
  await ask('rename', 'deal/new', 'Bakery');
  const name = card(first, 'deal/new').locator('.name');
  await until('the new name', async () => await name.textContent() === 'Bakery');
  await ask('delete', 'deal/new');
  await until('no card', async () => await card(first, 'deal/new').count() === 0);
  await agrees(first, 'after a deletion');
  ok('a deal that is made, renamed and deleted');

  const harmful = '<script>window.harmed = true</script><img src=x onerror="window.harmed = true">';
  await ask('create', 'deal/script', harmful);
  await stands(first, 'deal/script', 'new');
  await ask('publish', 'go', 'deal/script');
  await stands(first, 'deal/script', 'offer');
  const fresh = await visit(browser, `${board}?fields=${encodeURIComponent('note,"><script>')}`);
  for (const page of [first, fresh]) {
    await stands(page, 'deal/script', 'offer');
    same(await card(page, 'deal/script').locator('.name').textContent(), harmful, 'the name');
    same(await page.locator('.card script, .card img, #feed script').count(), 0, 'elements');
    holds(!(await page.evaluate(() => window.harmed)), 'nothing ran');
  }
  await fresh.context().close();
  ok('a deal named <script> harms nothing');

  const trigger = column(first, 'offer').locator('.trigger[data-trigger="go"]');
  await until('what the trigger did', async () => /moved 2/.test(await trigger.textContent()));
  await ask('pause', 'go');
  await until('that it is paused', async () => /paused/.test(await trigger.textContent()));
  await ask('resume', 'go');
  await until('that it is not', async () => !/paused/.test(await trigger.textContent()));
  ok('triggers show what they did, and their state');

  // The server dies while deals move, again and again; nobody touches the page.
  for (let round = 0; round < Number(process.env.PAWL_BROWSER_KILLS ?? 3); round += 1) {
    await ask('move-and-kill', round);
    const banner = first.locator('#banner');
    await until('the banner', async () => /connection was lost/.test(await banner.textContent()));
    holds(await banner.isVisible(), 'it is seen');
    await ask('restart');
    await ask('swing', round);
    await until('no banner', async () => await banner.isHidden());
    for (const page of [first, second]) await agrees(page, `after kill ${round}`);
  }
  for (const page of [first, second]) holds(await isMarked(page), 'no page was loaded anew');
  ok('a board that is open while the server is killed catches up by itself');

  await ask('forget');
  await until('a fresh page', async () => !(await isMarked(first)));
  await agrees(first, 'on another database');
  ok('a board of another database is loaded anew');
});
