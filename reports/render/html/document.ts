// What is around the content of every page? One HTML file that needs no network, with its styles and scripts inside.

import { readFileSync } from 'node:fs';
import { darkRules } from '../../charts/theme.ts';
import { type Html, html, raw, scriptSource } from '../escape.ts';

// Nothing may be fetched. Inline scripts are the page's own, and vega compiles its expressions, hence unsafe-eval.
const POLICY =
  "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

export type DocumentParts = {
  readonly title: string;
  /** Of claimbench. */
  readonly version: string;
  /** With an element `main` in it. */
  readonly body: Html;
  /** Whether charts are made interactive. */
  readonly scripted: boolean;
};

/** A whole page. */
export function renderDocument({ title, version, body, scripted }: DocumentParts): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="claimbench ${version}">
<title>${title} · claimbench</title>
<style>${raw(stylesheet())}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
${body}
${scripted ? scripts() : ''}
</body>
</html>
`.value;
}

function scripts(): Html {
  const client = readFileSync(new URL('./client.js', import.meta.url), 'utf8');
  return html`<script>${scriptSource(vegaRuntime())}</script>
<script>${scriptSource(client)}</script>`;
}

function stylesheet(): string {
  const css = readFileSync(new URL('./report.css', import.meta.url), 'utf8');
  return `${css}@media screen and (prefers-color-scheme: dark){${darkRules('svg ')}}`;
}

/** The build for browsers, beside the module that imports resolve to. */
function vegaRuntime(): string {
  return readFileSync(new URL('./vega.min.js', import.meta.resolve('vega')), 'utf8');
}
