// Does text from outside stay text in HTML, scripts, Markdown, shells and terminals?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOSTILE_NAMES } from '../testing-fixture-data.ts';
import {
  escapeMarkdown,
  escapeMarkup,
  escapeTerminal,
  html,
  raw,
  scriptJson,
  scriptSource,
  shellQuote,
  slug,
} from './escape.ts';

test('markup: no hostile name keeps a character that could begin or end anything', () => {
  for (const name of HOSTILE_NAMES)
    assert.doesNotMatch(escapeMarkup(name), /[<>"']|&(?!amp;|lt;|gt;|quot;|#39;)/);
  assert.doesNotMatch(escapeMarkup('a\u0000b\u001bc\u202ed\ud800e'), /[\p{Cc}\p{Cs}\u202e]/u);
});

test('html: strings are escaped, markup is not, arrays are joined, undefined vanishes', () => {
  const list = ['<b>', raw('<i>'), undefined, 3];
  assert.equal(html`<p title="${'"'}">${list}</p>`.value, '<p title="&quot;">&lt;b&gt;<i>3</p>');
});

test('JSON in a script holds no <, and is still the same JSON', () => {
  const value = { name: '</script><!-- \u2028 &amp; ]]>' };
  const text = scriptJson(value).value;
  assert.doesNotMatch(text, /[<>&\u2028]/);
  assert.deepEqual(JSON.parse(text), value);
});

test('a script cannot close its own element', () => {
  const source = 'const a = "</script>"; const b = "</SCRIPT >"; const c = "<!--"; if (1 < 2) {}';
  const text = scriptSource(source).value;
  assert.doesNotMatch(text, /<\/script|<!--/i);
  assert.match(text, /1 < 2/);
});

test('Markdown: one line, and no character keeps its meaning', () => {
  assert.equal(escapeMarkdown('| a\n`b` <i>'), '\\| a \\`b\\` &lt;i&gt;');
  assert.equal(escapeMarkdown('[x](javascript:alert(1))'), '\\[x\\]\\(javascript:alert\\(1\\)\\)');
  assert.doesNotMatch(escapeMarkdown('@all http://x.y'), /@all|:\/\//);
});

test('a terminal gets no escape sequence, a shell gets one word, a file gets a plain name', () => {
  assert.doesNotMatch(escapeTerminal('a\u001b[31m\r\nb'), /\p{Cc}/u);
  assert.equal(shellQuote('skip-locked'), 'skip-locked');
  assert.equal(shellQuote("a'b $(c)"), "'a'\\''b $(c)'");
  assert.equal(shellQuote('batch?batch=1&x=2'), "'batch?batch=1&x=2'");
  assert.equal(shellQuote(''), "''");
  assert.equal(slug('../../Etc/pass wd'), 'etc-pass-wd');
  assert.equal(slug('日本'), 'unnamed');
});
