// Requests of the page. Every failure becomes a Problem: what went wrong, and what to do.

import type { Generator, Problem, StatementOutcome, TopicRecord, Trace } from './contract.ts';
import { s } from './strings.ts';

export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(s.problem.text(problem.detail, problem.fix));
  }
}

async function request(path: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Refused({ status: 0, detail: s.problem.network, fix: null, code: 'network' });
  }
  if (response.ok) return response;
  const fallback: Problem = {
    status: response.status,
    detail: `${response.status} ${response.statusText}`.trim(),
    fix: null,
    code: 'unknown',
  };
  const problem = await response.json().catch(() => fallback);
  throw new Refused({ ...fallback, ...problem });
}

const post: RequestInit = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' };
const path = encodeURIComponent;

export async function setGenerator(name: string, run: boolean): Promise<Generator> {
  return (await request(`/v1/generators/${path(name)}/${run ? 'resume' : 'pause'}`, post)).json();
}

export type Published = { event: unknown; topic: string; partition: number; offset: number; timestamp: number };

/** What `curl /publish/R2/P1` does. */
export async function publish(template: string, topic: string, name: string): Promise<Published> {
  const response = await request(publishPath(template, topic, name));
  const header = (field: string) => Number(response.headers.get(field));
  return {
    event: await response.json(),
    topic: response.headers.get('Kafka-Topic') ?? topic,
    partition: header('Kafka-Partition'),
    offset: header('Kafka-Offset'),
    timestamp: header('Kafka-Timestamp'),
  };
}

export function publishPath(template: string, topic: string, name: string): string {
  return template.replace('{topic}', path(topic)).replace(/\{[^}]+\}/, path(name));
}

export async function trace(query: string, topic: string, partition: number, offset: number): Promise<Trace> {
  const parameters = new URLSearchParams({ topic, partition: `${partition}`, offset: `${offset}`, wait_ms: '3000' });
  return (await request(`/v1/queries/${path(query)}/trace?${parameters}`)).json();
}

export async function recordsBetween(topic: string, from: number, to: number, limit: number): Promise<TopicRecord[]> {
  const parameters = new URLSearchParams({
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    limit: `${limit}`,
  });
  const answer: { records: TopicRecord[] } = await (await request(`/v1/topics/${path(topic)}/records?${parameters}`)).json();
  return answer.records;
}

export async function execute(sql: string): Promise<StatementOutcome[]> {
  const answer: { statements: StatementOutcome[] } = await (await request('/v1/sql', { ...post, body: JSON.stringify({ sql }) })).json();
  return answer.statements;
}

export const csvPath = (table: string): string => `/v1/tables/${path(table)}?format=csv`;
