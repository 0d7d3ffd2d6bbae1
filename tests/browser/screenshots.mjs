// Pictures of the demo, as the README shows them, in light and dark. After `.ci/run`, or its `npm ci`:
//
//   cp tests/browser/*.mjs target/browser
//   node target/browser/screenshots.mjs target/release/pawl DIRECTORY
//
// Those that pages show lie in `docs/screenshots`.
import { spawn } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [pawl, directory, seconds = '30'] = process.argv.slice(2);
const server = spawn(pawl, ['serve', '--demo', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
let address;
for await (const line of createInterface({ input: server.stdout })) {
  address = line.match(/^listening on .*:\/\/(.*)$/)?.[1];
  if (address) break;
}
server.stdout.resume();
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });

// Which pages, and what is done there before.
const trial = async (page) => {
  await page.getByLabel('What happened').fill('email.viewed');
  await page.getByRole('button', { name: 'Preview' }).click();
  await page.waitForLoadState();
};
const SHOTS = {
  board: { path: '' },
  trigger: {
    path: '',
    act: async (page) => {
      await page.locator('a.plus').nth(2).click();
      await page.locator('dialog a.row', { hasText: 'email.viewed' }).click();
      await page.getByRole('button', { name: 'Add trigger' }).waitFor();
      await page.locator('dialog [data-result] > *').first().waitFor();
    },
  },
  entity: { path: (deal) => `/entities/${deal}` },
  try: { path: (deal) => `/boards/sales/try?subjects=${deal}`, act: trial },
  pictures: { path: '/boards/sales/pictures' },
};

try {
  mkdirSync(directory, { recursive: true });
  const first = await browser.newPage();
  await first.goto(`http://${address}/boards/sales`);
  // The demo plays by the clock, and only what happened is worth a picture.
  await first.waitForTimeout(Number(seconds) * 1000);
  const deal = await first.locator('#feed li a').last().getAttribute('title');
  for (const colorScheme of ['light', 'dark']) {
    for (const [name, { path, act }] of Object.entries(SHOTS)) {
      const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 720 }, reducedMotion: 'reduce' });
      const where = typeof path === 'function' ? path(deal) : path || '/boards/sales';
      await page.goto(`http://${address}${where}`);
      if (act) await act(page);
      const file = `${directory}/${name}${colorScheme === 'dark' ? '-dark' : ''}.png`;
      await page.screenshot({ path: file });
      console.log(`${file}: ${statSync(file).size >> 10} KiB`);
      await page.close();
    }
  }
} finally {
  await browser.close();
  server.kill();
}
