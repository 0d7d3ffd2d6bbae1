// Everybody can read it: assistive technology, small screens, either colour scheme, no script at all.
import { accessible } from './axe.mjs';
import { address, ask, board, card, column, holds, ok, run, same, stands, until, visit } from './lib.mjs';

// Every page, but the board and signing in.
const PAGES = [
  '/boards/sales/list', '/boards/sales/list?stage=offer&q=bakery', '/boards/sales/try',
  '/boards/sales/pictures', '/entities/deal/named', '/entities/deal/named/move',
  '/boards/sales/triggers/new?stage=offer', '/boards/sales/triggers/new?stage=offer&type=email.viewed',
  '/boards/sales/triggers/new?stage=offer&type=payment.received', '/triggers/go', '/triggers/go/delete',
];

await run(async (browser) => {
  await ask('create', 'deal/named', 'Bakery at the corner');
  await ask('publish', 'go', 'deal/named deal/2');
  for (const colorScheme of ['light', 'dark']) {
    const page = await visit(browser, board, { colorScheme, reducedMotion: 'reduce' });
    await accessible(page, `the board, ${colorScheme}`);
    await ask('publish', colorScheme === 'light' ? 'go' : 'back', 'deal/3');
    await stands(page, 'deal/3', colorScheme === 'light' ? 'offer' : 'new');
    await accessible(page, `the board after a move, ${colorScheme}`);
    await page.goto(`${board}x`);
    await accessible(page, `a page that is not there, ${colorScheme}`);
    for (const path of PAGES) {
      same((await page.goto(`${address}${path}`)).status(), 200, path);
      await accessible(page, `${path}, ${colorScheme}`);
    }
    await page.goto(board);
    await column(page, 'offer').locator('a.plus').click();
    await page.getByRole('dialog').getByRole('heading').first().waitFor();
    await accessible(page, `a dialog, ${colorScheme}`);
    await page.context().close();
    ok(`no serious fault, ${colorScheme}`);
  }

  const small = await visit(browser, board, {
    viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, reducedMotion: 'reduce',
  });
  const fits = async (what) => {
    const width = await small.evaluate(() => document.documentElement.scrollWidth);
    holds(width <= 360, `${what} is ${width} px wide`);
  };
  await fits('the board');
  for (const stage of ['new', 'offer', 'won']) {
    await column(small, stage).scrollIntoViewIfNeeded();
    const box = await column(small, stage).boundingBox();
    holds(box.width <= 360 && box.x >= -1 && box.x + box.width <= 361, `${stage} is seen whole: ${JSON.stringify(box)}`);
  }
  await ask('publish', 'go', 'deal/5');
  await stands(small, 'deal/5', 'offer');
  await card(small, 'deal/5').scrollIntoViewIfNeeded();
  await accessible(small, 'the board at 360 px');
  await fits('the board after a move');
  for (const path of PAGES) {
    await small.goto(`${address}${path}`);
    await fits(path);
  }
  await small.goto(board);
  await column(small, 'offer').locator('a.plus').tap();
  await small.getByRole('dialog').getByRole('heading').first().waitFor();
  const box = await small.getByRole('dialog').boundingBox();
  holds(box.x >= 0 && box.x + box.width <= 360, 'the dialog is seen whole');
  await small.getByRole('dialog').getByRole('button', { name: 'Close' }).tap();
  await card(small, 'deal/7').locator('.move').tap();
  await small.getByRole('dialog').getByLabel('won').tap();
  await small.getByRole('dialog').getByRole('button', { name: 'Move' }).tap();
  await stands(small, 'deal/7', 'won');
  await until('the dialog closes', async () => await small.getByRole('dialog').count() === 0);
  ok('360 px wide, by touch');

  // Browsers take such a name for a directory.
  await ask('create', 'deal/..', 'Two dots');
  const dots = await visit(browser, board);
  await card(dots, 'deal/..').locator('a.name').click();
  await dots.getByRole('heading', { name: 'Two dots' }).waitFor();
  await dots.goto(board);
  await card(dots, 'deal/..').locator('.move').click();
  await dots.getByRole('dialog').getByLabel('offer').check();
  await dots.getByRole('dialog').getByRole('button', { name: 'Move' }).click();
  await stands(dots, 'deal/..', 'offer');
  await until('the dialog closes', async () => await dots.getByRole('dialog').count() === 0);
  await dots.locator('#feed li a', { hasText: 'Two dots' }).click();
  await dots.getByRole('heading', { name: 'How it came here' }).waitFor();
  ok('a deal whose name is a directory');

  const plain = await visit(browser, board, { javaScriptEnabled: false });
  holds(await card(plain, 'deal/5').isVisible(), 'cards are there');
  holds(await plain.locator('#feed li').count() > 1, 'moves are there');
  same(await plain.locator('a.plus').count(), 3, 'links are there');
  ok('without script');
});
