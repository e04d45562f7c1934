// How do tests open a report in a real Chromium, and what do they hold against it?

import assert from 'node:assert/strict';
import { accessSync, constants } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const CANDIDATES = [
  process.env['CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

function executable(): string | undefined {
  return CANDIDATES.find((candidate) => {
    if (candidate === undefined || candidate === '') return false;
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Path of a Chromium; undefined where there is none. */
export const chrome = executable();
/** Why tests are skipped; false where they are not. */
export const skip = chrome === undefined ? 'no Chromium here: set CHROMIUM to the path of one' : false;

/** Starts it; whoever calls closes it. */
export async function launched(executablePath: string): Promise<Browser> {
  const args = [
    '--no-sandbox',
    '--headless',
    '--disable-gpu',
    '--disable-background-networking',
    '--no-first-run',
  ];
  return await chromium.launch({ executablePath, args, timeout: 60_000 });
}

/** Opens the report at `page`; fails on any error of the page, any dialog and any request but the file itself. */
export async function openedIn(
  browser: Browser,
  page: string,
  options: BrowserContextOptions,
  inspect: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const faults: string[] = [];
  const tab = await context.newPage();
  tab.setDefaultTimeout(30_000);
  tab.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  tab.on('pageerror', (error) => faults.push(error.message));
  tab.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss().catch(() => undefined);
  });
  tab.on('request', (request) => {
    if (request.url() !== page) faults.push(`request: ${request.url()}`);
  });
  await tab.goto(page);
  await inspect(tab);
  await context.close();
  assert.deepEqual(faults, []);
}

const WAITING = `document.querySelectorAll('figure[data-chart]:not([data-live="true"])').length`;

/** Scrolls through the page until every chart has come alive. */
export async function enliven(tab: Page): Promise<void> {
  for (const figure of await tab.locator('figure[data-chart]').all()) {
    if (await figure.isVisible()) await figure.scrollIntoViewIfNeeded();
  }
  await tab.waitForFunction(`${WAITING} === 0`);
}
