// Does the report work in a real browser: offline, without errors, live charts, dark, and on a narrow screen?

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { comparisonsOf } from './compare/index.ts';
import { renderBundle } from './index.ts';
import { chrome, enliven, launched, openedIn, skip } from './testing-browser.ts';
import { writeFixture } from './testing-fixture.ts';
import { HOSTILE_NAMES, matrixOf, STANDARD } from './testing-fixture-data.ts';

let dir = '';
let page = '';
let browser: Browser | undefined;

before(async () => {
  if (chrome === undefined) return;
  dir = await mkdtemp(path.join(tmpdir(), 'claimbench-browser-'));
  await writeFixture(dir, {
    repeats: 2,
    scenarios: STANDARD.scenarios.slice(1),
    contenders: STANDARD.contenders.map((one, i) => ({
      ...one,
      class: 'job-queue',
      name: HOSTILE_NAMES[i] ?? one.name,
    })),
    amendResult: (made) => {
      // Two of the names stand for one contender, on two versions of PostgreSQL.
      const contenderOf = (name: string) => HOSTILE_NAMES[HOSTILE_NAMES.indexOf(name) < 2 ? 0 : 2] ?? name;
      const placed = matrixOf(made, contenderOf, ['14', '18']);
      return { ...placed, comparisons: comparisonsOf(placed) };
    },
  });
  const files = await renderBundle(dir);
  page = pathToFileURL(files.html).href;
  browser = await launched(chrome);
});

after(async () => {
  await browser?.close();
  if (dir !== '') await rm(dir, { recursive: true });
});

// Code that runs in the page is text: this project's types know no DOM.
const LINES = `document.querySelectorAll('[id="chart-steady-pickup"] .mark-line path').length`;
const VERDICTS = `document.querySelector('#steady .scroll[aria-label^="Verdicts"]')`;

/** Opens the report; fails on any error of the page, any dialog and any request but the file itself. */
async function opened(options: BrowserContextOptions, inspect: (page: Page) => Promise<void>): Promise<void> {
  assert.ok(browser);
  await openedIn(browser, page, options, inspect);
}

test('charts are drawn at once and come alive; hostile names are inert', { skip }, async () => {
  await opened({}, async (tab) => {
    const figures = await tab.locator('figure').count();
    assert.equal(await tab.locator('figure .plot svg').count(), figures);
    await enliven(tab);
    assert.equal(await tab.locator('figure[data-live="true"] .plot svg.marks').count(), figures);
    assert.equal(await tab.locator('img').count(), 0);
    assert.ok((await tab.locator('th', { hasText: HOSTILE_NAMES[0] ?? '' }).count()) > 0);
  });
});

test('a click in the legend takes a contender off all charts, and brings it back', { skip }, async () => {
  await opened({}, async (tab) => {
    await enliven(tab);
    const marks = () => tab.locator('[id="chart-steady-pickup"] .mark-line path').count();
    const strips = () => tab.locator('figure[data-only="s1"]:visible').count();
    const [lines, shown] = [await marks(), await strips()];
    assert.equal(lines, 4);
    assert.ok(shown > 0);
    const button = tab.locator('#steady button[data-series="s1"]');
    await button.click();
    assert.equal(await button.getAttribute('aria-pressed'), 'false');
    await tab.waitForFunction(`${LINES} === 3`);
    assert.equal(await strips(), 0);
    await button.click();
    await tab.waitForFunction(`${LINES} === 4`);
    assert.equal(await strips(), shown);
  });
});

test('a chart tells its figures under the pointer, as text', { skip }, async () => {
  await opened({}, async (tab) => {
    const figure = tab.locator('[id="chart-steady-timeline-1"]');
    await figure.scrollIntoViewIfNeeded();
    await tab.waitForSelector('[id="chart-steady-timeline-1"][data-live="true"]');
    const box = await figure.locator('.plot svg').boundingBox();
    assert.ok(box);
    await tab.mouse.move(box.x + box.width / 2, box.y + 60);
    await tab.waitForSelector('.tip:not([hidden])');
    const text = (await tab.locator('.tip').textContent()) ?? '';
    assert.ok(text.startsWith(HOSTILE_NAMES[0] ?? '?'), text);
    assert.match(text, /settled [\d.]+\/s/);
  });
});

test('who came through what is the first of all tables, and the timeline names what broke', {
  skip,
}, async () => {
  await opened({}, async (tab) => {
    const caption = await tab.locator('main table caption').first().textContent();
    assert.equal(caption, 'Who came through what');
    // A scenario without faults that expects nothing has nothing to survive.
    assert.equal(await tab.locator('#survival tbody tr').count(), 1);
    const figure = tab.locator('[id="chart-worker-crash-timeline-1"]');
    await figure.scrollIntoViewIfNeeded();
    await tab.waitForSelector('[id="chart-worker-crash-timeline-1"][data-live="true"]');
    await figure.locator('.plot svg text', { hasText: /^stall-worker$/ }).waitFor({ state: 'visible' });
  });
});

test('no horizontal scrolling of the page, wide and narrow', { skip }, async () => {
  for (const width of [400, 800, 1280]) {
    await opened({ viewport: { width, height: 900 } }, async (tab) => {
      await enliven(tab);
      const overflow = await tab.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      assert.ok(overflow <= 0, `${overflow} px too wide at ${width}`);
    });
  }
});

test('the audit shows its verdict and all contenders without scrolling, where others scroll too', {
  skip,
}, async () => {
  await opened({}, async (tab) => {
    const region = tab.locator('#steady .scroll[aria-label^="Audit of"]');
    const box = await region.boundingBox();
    assert.ok(box);
    const verdicts = await region.locator('.badge').all();
    assert.equal(verdicts.length, 4);
    for (const verdict of verdicts) {
      const place = await verdict.boundingBox();
      assert.ok(place && place.x >= box.x && place.x + place.width <= box.x + box.width);
      assert.ok(place.y < box.y + 140, 'the verdict comes first');
    }
  });
});

test('versions stand side by side, a contender a line; comparisons unfold, versions first', {
  skip,
}, async () => {
  await opened({}, async (tab) => {
    const table = tab.locator('#steady .scroll[aria-label^="By version of PostgreSQL"]');
    assert.deepEqual(await table.locator('thead th').allTextContents(), ['Contender', '14', '18', '18 ÷ 14']);
    assert.equal(await table.locator('tbody tr').count(), 2);
    const headings = await tab.locator('#steady h3', { hasText: 'compared' }).allTextContents();
    assert.deepEqual(headings, [
      'Versions of PostgreSQL compared, for each contender',
      'Contenders compared, on each version',
    ]);
    const pairs = tab.locator('#steady details:has(> summary .badge)');
    assert.equal(await pairs.count(), 4);
    await pairs.first().locator('summary').click();
    assert.ok(await pairs.first().locator('table').isVisible());
  });
});

test('what is cut on a side has a shadow there, light and dark; what ends has none', { skip }, async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    await opened({ colorScheme, viewport: { width: 420, height: 900 } }, async (tab) => {
      const region = tab.locator('#steady .scroll[aria-label^="Verdicts"]');
      assert.deepEqual(await shadows(tab, region), { left: false, right: true });
      await tab.evaluate(`${VERDICTS}.scrollTo(40, 0)`);
      assert.deepEqual(await shadows(tab, region), { left: true, right: true });
      await tab.evaluate(`${VERDICTS}.scrollTo(9999, 0)`);
      assert.deepEqual(await shadows(tab, region), { left: true, right: false });
    });
  }
});

/** Whether the outermost pixels of a region differ from the paper that a reader sees, in the line above its text. */
async function shadows(tab: Page, region: Locator): Promise<{ left: boolean; right: boolean }> {
  const picture = (await region.screenshot({ animations: 'disabled' })).toString('base64');
  return await tab.evaluate(`(async () => {
    const image = new Image();
    image.src = 'data:image/png;base64,${picture}';
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.width, image.height];
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    const ink = (x) => context.getImageData(x, 1, 1, 1).data.slice(0, 3).reduce((sum, one) => sum + one, 0);
    const paper = ink(Math.round(image.width / 2));
    const differs = (x) => Math.abs(ink(x) - paper) > 30;
    return { left: differs(2), right: differs(image.width - 3) };
  })()`);
}

test('in the dark the ink of page and charts is light', { skip }, async () => {
  const brightness = async (tab: Page, selector: string, property: 'fill' | 'color' | 'backgroundColor') => {
    const colour = await tab.evaluate<string>(
      `getComputedStyle(document.querySelector('${selector}')).${property}`,
    );
    const channels = (colour.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
    return channels.reduce((sum, channel) => sum + channel, 0) / 3;
  };
  await opened({ colorScheme: 'dark' }, async (tab) => {
    await enliven(tab);
    assert.ok((await brightness(tab, 'body', 'backgroundColor')) < 60);
    assert.ok((await brightness(tab, 'h1', 'color')) > 180);
    assert.ok((await brightness(tab, 'figure .plot svg text', 'fill')) > 140);
  });
});

test('without JavaScript everything is there, and the legend does not pretend', { skip }, async () => {
  await opened({ javaScriptEnabled: false }, async (tab) => {
    assert.equal(await tab.locator('figure .plot svg').count(), await tab.locator('figure').count());
    assert.equal(await tab.locator('.legend button:enabled').count(), 0);
    assert.equal(await tab.locator('.legend-hint:visible').count(), 0);
  });
});
