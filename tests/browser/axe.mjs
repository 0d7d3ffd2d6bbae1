// What axe-core says of a page.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { holds, same, say } from './lib.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// No fault that keeps somebody from using the page.
export async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => window.axe.run(document));
  holds(passes.length > 10, `${what}: axe looked`);
  const told = ({ id, impact, help, nodes }) =>
    `${impact} ${id}: ${help}\n${nodes.slice(0, 3).map((node) => `  ${node.html.slice(0, 300)}\n  ${node.failureSummary}`).join('\n')}`;
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  for (const fault of violations) if (!serious.includes(fault)) say(`${what}: ${fault.impact} ${fault.id}`);
  same(serious.map(told).join('\n'), '', `faults of ${what}`);
}
