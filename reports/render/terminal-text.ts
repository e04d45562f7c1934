// What do all terminal texts share: paint, wrapping, tables without borders?

import type { Bundle } from '../bundle.ts';
import { escapeTerminal } from './escape.ts';

export type TerminalOptions = {
  /** Whether to send colours; every state is also a word. */
  readonly colour: boolean;
  /** Columns of the terminal; between 60 and 100 are used. */
  readonly width: number;
  /** The cells' histograms, for percentiles that only all repeats together have enough samples for. */
  readonly histograms?: Bundle['histograms'];
};

/** Colours a text by an ANSI code, or leaves it. */
export type Paint = (text: string, code: number) => string;

/** Paint where colours are wanted. */
export function painter(colour: boolean): Paint {
  return (text, code) => (colour && code !== 0 ? `\u001b[${code}m${text}\u001b[0m` : text);
}

/** A table of cli-table3 without lines. */
export const BORDERLESS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

/** Narrow no-break spaces become plain ones: terminals disagree about their width. */
export const plain = (text: string): string => text.replaceAll('\u202f', ' ');

/** Text in lines of at most `width`; the first begins with `lead`, the others with as many spaces. */
export function wrapped(text: string, width: number, lead: string): string {
  const lines: string[] = [];
  // A number and its sign stay together.
  for (const word of escapeTerminal(text)
    .split(/ (?!%)/)
    .flatMap((one) => slices(one, width - lead.length))) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width - lead.length)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line, i) => `${i === 0 ? lead : ' '.repeat(lead.length)}${line}`).join('\n');
}

function slices(word: string, size: number): string[] {
  return word.match(new RegExp(`.{1,${size}}`, 'gu')) ?? [];
}
