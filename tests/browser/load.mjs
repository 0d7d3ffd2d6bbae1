// A board on which a thousand deals move every second: it stays small, and keeps up.
import { ask, board, counts, holds, ok, run, same, say, until, visit } from './lib.mjs';

const seconds = Number(process.env.PAWL_BOARD_LOAD_S);
const CARDS = 50;
const FEED = 30;
// Correctness, not speed: what a page that hangs or grows without end would miss.
const PAINT_MAX_MS = 5_000;
const FRAME_MAX_MS = 5_000;

async function size(session) {
  await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  const of = (name) => metrics.find((metric) => metric.name === name).value;
  return { heap: of('JSHeapUsedSize') / 2 ** 20, nodes: of('Nodes'), listeners: of('JSEventListeners') };
}

const shown = (page) => page.evaluate(() => ({
  // What people read on cards and beside them, as long as there is more than an id.
  nameless: [...document.querySelectorAll('.card .name, #feed a')].filter((link) => link.textContent.startsWith('deal/')).length,
  cards: Math.max(...[...document.querySelectorAll('.cards')].map((cards) => cards.children.length)),
  feed: document.querySelectorAll('#feed li').length,
}));

// How long frames take, in a table that does not grow.
const measureFrames = (page) => page.evaluate(() => {
  window.frames_ms = new Uint32Array(5001);
  let last = performance.now();
  const frame = (now) => {
    window.frames_ms[Math.min(5000, Math.max(0, Math.round(now - last)))] += 1;
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
});

const frames = (page) => page.evaluate(() => {
  const table = [...window.frames_ms];
  const count = table.reduce((sum, n) => sum + n, 0);
  const at = (share) => {
    let left = count * share;
    return table.findIndex((n) => { left -= n; return left <= 0; });
  };
  return { count, half: at(0.5), most: at(0.95), all: at(1) };
});

await run(async (browser) => {
  const began = performance.now();
  const response = await fetch(board);
  const bytes = (await response.text()).length;
  say(`the server answers in ${Math.round(performance.now() - began)} ms: ${bytes >> 10} KiB`);
  const page = await visit(browser, board);
  const paint = () => page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
  const painted = await until('the first paint', paint);
  say(`first contentful paint after ${Math.round(painted)} ms`);
  holds(painted < PAINT_MAX_MS, `painted within ${PAINT_MAX_MS} ms`);
  ok('a hundred thousand deals are painted');

  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  await measureFrames(page);
  await page.evaluate(() => { window.marked = true; });
  await ask('begin');
  await until('moves', async () => (await shown(page)).feed === FEED);
  const start = Date.now();
  const sizes = [];
  while (Date.now() - start < seconds * 1000) {
    await page.waitForTimeout(Math.min(5_000, (seconds * 1000) / 4));
    const { cards, feed, nameless } = await shown(page);
    holds(cards <= CARDS && feed <= FEED, `${cards} cards in a column, ${feed} moves beside`);
    same(nameless, 0, 'cards and moves without a name');
    sizes.push(await size(session));
  }
  const { count, half, most, all } = await frames(page);
  const took = (Date.now() - start) / 1000;
  ok(`never more than ${CARDS} cards in a column and ${FEED} moves beside, each with its name`);

  const moved = Number(await ask('end'));
  say(`${moved} moves, ${Math.round(moved / took)} a second`);
  holds(moved > 100 * seconds, 'there was a load');
  say(`${count} frames: half within ${half} ms, 95 % within ${most} ms, all within ${all} ms`);
  holds(all < FRAME_MAX_MS, `no frame took ${FRAME_MAX_MS} ms`);
  ok('it is drawn all the time');

  const stopped = Date.now();
  const truth = await ask('truth');
  await until('the last move', async () => JSON.stringify(Object.entries(await counts(page))) === truth);
  say(`up to date ${Date.now() - stopped} ms after the last move`);
  holds(await page.evaluate(() => window.marked), 'it was never loaded anew');
  ok('it kept up');

  const last = await size(session);
  const [first] = sizes;
  const told = ({ heap, nodes, listeners }) => `${heap.toFixed(1)} MiB, ${nodes} nodes, ${listeners} listeners`;
  say(`${told(first)} at first, ${told(last)} in the end, at most ${Math.max(...sizes.map(({ heap }) => heap)).toFixed(1)} MiB`);
  holds(last.heap < 2 * first.heap + 4, 'memory does not grow without end');
  holds(last.nodes < 2 * first.nodes + 1_000, 'nor does the page');
  holds(last.listeners <= first.listeners + 10, 'nor do its listeners');
  ok('it stays small');
});
