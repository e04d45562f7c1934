// Does the page of a plan work in a real browser: without errors, live, dark, and no wider than the screen?

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { renderBundle } from '../index.ts';
import { chrome, enliven, launched, openedIn, skip } from '../testing-browser.ts';
import { type CapacityKind, writeCapacityFixture } from '../testing-capacity-fixture.ts';
import { HOSTILE_NAMES } from '../testing-fixture-data.ts';

const KINDS: readonly CapacityKind[] = ['plan', 'cube'];

let dir = '';
let browser: Browser | undefined;
const pages = new Map<CapacityKind, string>();

before(async () => {
  if (chrome === undefined) return;
  dir = await mkdtemp(path.join(tmpdir(), 'claimbench-capacity-'));
  for (const kind of KINDS) {
    await writeCapacityFixture(path.join(dir, kind), kind, HOSTILE_NAMES[1]);
    pages.set(kind, pathToFileURL((await renderBundle(path.join(dir, kind))).html).href);
  }
  browser = await launched(chrome);
});

after(async () => {
  await browser?.close();
  if (dir !== '') await rm(dir, { recursive: true });
});

for (const kind of KINDS) {
  test(`the page of a ${kind} comes alive, and is no wider than the screen`, { skip }, async () => {
    assert.ok(browser);
    for (const [width, colorScheme] of [
      [380, 'dark'],
      [1280, 'light'],
    ] as const) {
      await openedIn(
        browser,
        pages.get(kind) ?? '',
        { viewport: { width, height: 900 }, colorScheme },
        async (tab) => {
          await enliven(tab);
          const figures = await tab.locator('figure').count();
          assert.ok(figures > 0);
          assert.equal(await tab.locator('figure[data-live="true"] .plot svg.marks').count(), figures);
          const overflow = await tab.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
          assert.ok(overflow <= 0, `${overflow} px too wide at ${width}`);
        },
      );
    }
  });
}

test('the first screen of a plan has the answer and its figures; a chart tells them under the pointer', {
  skip,
}, async () => {
  assert.ok(browser);
  await openedIn(browser, pages.get('plan') ?? '', {}, async (tab) => {
    const lead = await tab.locator('#answer .lead').boundingBox();
    const facts = await tab.locator('#answer .facts').boundingBox();
    assert.ok(lead && facts && lead.y < facts.y && facts.y + facts.height < 900);
    await tab.locator('#chart-capacity-margin').scrollIntoViewIfNeeded();
    await tab.waitForSelector('#chart-capacity-margin[data-live="true"]');
    const box = await tab.locator('#chart-capacity-margin .plot svg').boundingBox();
    assert.ok(box);
    await tab.mouse.move(box.x + box.width * 0.3, box.y + 14);
    await tab.waitForSelector('.tip:not([hidden])');
    assert.match((await tab.locator('.tip').textContent()) ?? '', /^Average asked: 400\u202fjobs\/s$/);
  });
});
