// What did a statement touch? Read from the plans that auto_explain sends to the session that ran it.

import assert from 'node:assert/strict';
import type { DriverSettings } from '../drivers/options.ts';

/** What the statements of one step touched, all together. */
export interface Touched {
  /** Rows that scans looked at, those that they threw away among them. */
  readonly rows: number;
  readonly sorted: number;
  /** Pages, in shared buffers or not. What a function's statements touch is counted for the function as well. */
  readonly buffers: number;
  /** Tables that were read from end to end. */
  readonly seqScans: readonly string[];
  /** For people: each statement's nodes, a line each. */
  readonly plans: readonly string[];
}

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly Node[];
}

const HEAD = /^duration: [\d.]+ ms {2}plan:\n/;

/** To the client, as INFO, whatever client_min_messages says; not the values of parameters, and no clock readings. */
const OPTIONS = [
  'session_preload_libraries=auto_explain',
  'auto_explain.log_min_duration=0',
  'auto_explain.log_level=info',
  'auto_explain.log_nested_statements=on',
  'auto_explain.log_analyze=on',
  'auto_explain.log_timing=off',
  'auto_explain.log_buffers=on',
  'auto_explain.log_format=json',
  'auto_explain.log_parameter_max_length=0',
]
  .map((option) => `-c ${option}`)
  .join(' ');

/** Listens to every session of a driver. */
export class PlanReader {
  #messages: string[] = [];

  /** Options of the driver to listen to. */
  readonly options: Required<Pick<DriverSettings, 'sessionOptions' | 'onSession'>> = {
    sessionOptions: OPTIONS,
    onSession: () => (message) => {
      if (HEAD.test(message)) this.#messages.push(message.replace(HEAD, ''));
    },
  };

  /** What the statements of `work` touched; nothing else may be under way on the driver. */
  async during<T>(work: () => Promise<T>): Promise<{ readonly answer: T; readonly touched: Touched }> {
    this.#messages = [];
    const answer = await work();
    const plans = this.#messages;
    this.#messages = [];
    return { answer, touched: sum(plans) };
  }
}

function sum(messages: readonly string[]): Touched {
  const roots = messages.map((message) => rootOf(JSON.parse(message)));
  const plans = roots.map((root) => outline(root, ''));
  const total = { rows: 0, sorted: 0, buffers: 0, seqScans: [] as string[], plans };
  for (const root of roots) {
    total.buffers += (root['Shared Hit Blocks'] ?? 0) + (root['Shared Read Blocks'] ?? 0);
    walk(root, (node) => {
      const loops = node['Actual Loops'];
      const table = node['Relation Name'];
      const kind = node['Node Type'];
      const discarded = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
      if (table !== undefined && kind.endsWith('Scan'))
        total.rows += (node['Actual Rows'] + discarded) * loops;
      if (table !== undefined && kind === 'Seq Scan' && loops > 0) total.seqScans.push(table);
      if (kind.endsWith('Sort'))
        for (const input of node.Plans ?? []) total.sorted += input['Actual Rows'] * input['Actual Loops'];
    });
  }
  return total;
}

function outline(node: Node, indent: string): string {
  const where = [node['Relation Name'], node['Index Name']].filter((name) => name !== undefined).join(' by ');
  const discarded = node['Rows Removed by Filter'] ?? 0;
  const counted = `${node['Actual Rows']} rows × ${node['Actual Loops']}, ${discarded} filtered out`;
  const below = (node.Plans ?? []).map((plan) => outline(plan, `${indent}  `));
  return [`${indent}${node['Node Type']} ${where} (${counted})`, ...below].join('\n');
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const below of node.Plans ?? []) walk(below, visit);
}

function rootOf(message: unknown): Node {
  assert(typeof message === 'object' && message !== null && 'Plan' in message, 'auto_explain sent no plan');
  const { Plan: plan } = message;
  assert(isNode(plan), 'auto_explain sent a plan without what was counted');
  return plan;
}

function isNode(value: unknown): value is Node {
  if (typeof value !== 'object' || value === null) return false;
  if (!('Node Type' in value && typeof value['Node Type'] === 'string')) return false;
  if (!('Actual Rows' in value && typeof value['Actual Rows'] === 'number')) return false;
  if (!('Actual Loops' in value && typeof value['Actual Loops'] === 'number')) return false;
  return !('Plans' in value) || (Array.isArray(value.Plans) && value.Plans.every(isNode));
}
