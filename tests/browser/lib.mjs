// What the scripts share: a browser, what it did wrong, and the test that acts in between.
//
// A script prints a line beginning with "ok" for each thing it checked. With "ask WHAT …", words apart by tabs, it has the
// test do something, which answers with one line.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

// Longer than anything takes, also on a machine that is busy with something else.
const PATIENCE_MS = 60_000;

export const address = process.env.PAWL_ADDRESS;
export const board = `${address}/boards/sales`;
const answers = createInterface({ input: process.stdin });

export const ok = (text) => console.log(`ok ${text}`);
export const say = (text) => console.log(`-- ${text}`);

// Has the test do something, and waits until it is done.
export async function ask(...words) {
  const answered = once(answers, 'line');
  console.log(`ask ${words.join('\t')}`);
  return (await answered)[0];
}

export function same(told, expected, what) {
  const [is, should] = [told, expected].map((value) => JSON.stringify(value));
  if (is !== should) throw new Error(`${what}: ${is}, not ${should}`);
}

export function holds(condition, what) {
  if (!condition) throw new Error(`it does not hold: ${what}`);
}

// Waits until something comes true; it is looked at again and again, as a person would.
export async function until(what, condition) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    let found;
    try {
      found = await condition();
    } catch (error) {
      // A page that is just being left cannot be asked.
      if (!/context was destroyed|navigation/i.test(error.message)) throw error;
    }
    if (found) return found;
    if (Date.now() > end) throw new Error(`not to be seen: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 25); });
  }
}

// Opens a page that tells what went wrong in it. Each has a profile of its own: browsers open six
// connections to a server for each.
export async function visit(browser, path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  watch(page);
  if (path) await page.goto(path);
  return page;
}

const wrong = [];
export function watch(page) {
  page.on('pageerror', (error) => wrong.push(`${error}`));
  page.on('dialog', (dialog) => { wrong.push(`alert: ${dialog.message()}`); dialog.dismiss(); });
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) wrong.push(message.text());
  });
}

// Where cards stand: ids by stage, the topmost first.
export const cards = (page) => page.evaluate(() => Object.fromEntries(
  [...document.querySelectorAll('.column')].map((column) => [
    column.dataset.stage, [...column.querySelectorAll('.card')].map((card) => card.dataset.id),
  ])));

// How many there are, by what the heads of the columns say.
export const counts = (page) => page.evaluate(() => Object.fromEntries(
  [...document.querySelectorAll('.column')].map((column) => [
    column.dataset.stage, Number(column.querySelector('[data-count]').textContent),
  ])));

export const feed = (page) => page.evaluate(() =>
  [...document.querySelectorAll('#feed li')].map((item) => item.dataset.move));

export const card = (page, id) => page.locator(`.card[data-id="${id}"]`);
export const column = (page, stage) => page.locator(`.column[data-stage="${stage}"]`);
export const stageOf = (page, id) => page.evaluate(
  (id) => document.getElementById(`card-${id}`)?.closest('.column').dataset.stage, id);
export const stands = (page, id, stage) =>
  until(`${id} on ${stage}`, async () => await stageOf(page, id) === stage);

// Signs in by the form, as whoever was sent there by the page that they wanted.
export async function signIn(page, token, path = board) {
  await page.goto(path);
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => url.pathname !== '/sign-in');
}

export async function run(body) {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    await body(browser);
    if (wrong.length) throw new Error(`went wrong in a page: ${wrong.join('\n')}`);
  } catch (error) {
    console.error(error, wrong);
    const pages = browser.contexts().flatMap((context) => context.pages());
    for (const [index, page] of pages.entries()) {
      const path = `failed-${process.pid}-${index}.png`;
      await page.screenshot({ path }).catch(() => {});
      console.error(`see ${path}, ${page.url()}`);
    }
    process.exitCode = 1;
  } finally {
    await browser.close();
    answers.close();
    process.stdin.destroy();
  }
}
