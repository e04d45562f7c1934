// What is one transaction of the bystander's, and how did it end?

import pg from 'pg';
import { refused } from '../load/producing.ts';
import { BYSTANDER_MARK } from './bystander-protocol.ts';

/** One that is due. */
export interface Transaction {
  readonly number: number;
  readonly intendedUs: number;
  readonly sentUs: number;
  readonly account: number;
  readonly teller: number;
  readonly delta: number;
  /** From then on only the answer tells whether it happened. */
  committing: boolean;
}

/** `lost`: its session is of no more use. */
export type Ending =
  | { readonly outcome: 'committed' }
  | { readonly outcome: 'failed' | 'unknown'; readonly error: unknown; readonly lost: boolean };

/** Named, so that each session parses them once. */
export class Statements {
  readonly #texts: Readonly<Record<'debit' | 'read' | 'credit' | 'tell', string>>;

  constructor(schemaName: string) {
    const schema = pg.escapeIdentifier(schemaName);
    this.#texts = {
      debit: `UPDATE ${BYSTANDER_MARK} ${schema}.accounts SET balance = balance + $2 WHERE id = $1`,
      read: `SELECT ${BYSTANDER_MARK} balance FROM ${schema}.accounts WHERE id = $1`,
      credit: `UPDATE ${BYSTANDER_MARK} ${schema}.tellers SET balance = balance + $2 WHERE id = $1`,
      tell: `INSERT ${BYSTANDER_MARK} INTO ${schema}.history (transaction, account, teller, delta) VALUES ($1, $2, $3, $4)`,
    };
  }

  /** Those between BEGIN and COMMIT. The account always before the teller: they cannot deadlock with each other. */
  async run(
    client: pg.Client,
    { number, account, teller, delta }: Omit<Transaction, 'committing'>,
  ): Promise<void> {
    await this.#one(client, 'debit', [account, delta]);
    await this.#one(client, 'read', [account]);
    await this.#one(client, 'credit', [teller, delta]);
    await this.#one(client, 'tell', [number, account, teller, delta]);
  }

  async #one(client: pg.Client, name: 'debit' | 'read' | 'credit' | 'tell', values: number[]): Promise<void> {
    const { rowCount } = await client.query({ name: `bystander_${name}`, text: this.#texts[name], values });
    if (rowCount !== 1) throw new Error(`${name} of the bystander touched ${rowCount} rows, and not one`);
  }
}

/** Carries it out; never rejects, and never tries twice. */
export async function transact(
  client: pg.Client,
  statements: Statements,
  transaction: Transaction,
): Promise<Ending> {
  try {
    await client.query('BEGIN');
    await statements.run(client, transaction);
    transaction.committing = true;
    const { command } = await client.query('COMMIT');
    if (command !== 'COMMIT') throw new Error(`COMMIT was answered with ${command}`);
    return { outcome: 'committed' };
  } catch (error) {
    const outcome = transaction.committing && !refused(error) ? 'unknown' : 'failed';
    return { outcome, error, lost: !refused(error) || !(await rolledBack(client)) };
  }
}

async function rolledBack(client: pg.Client): Promise<boolean> {
  return await client.query('ROLLBACK').then(
    () => true,
    () => false,
  );
}
