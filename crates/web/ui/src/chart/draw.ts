// What uPlot does not draw: the running window, markers, late ticks, the cursor, the reader's own events.
//
// Coordinates are canvas pixels; `ratio` is the device's pixel ratio.

import type uPlot from 'uplot';
import type { Ink } from './ink.ts';
import type { Look, Marker } from './palette.ts';
import { valueOf, type Cell, type Points } from './windows.ts';

export type Scene = {
  points: Points;
  looks: Look[];
  names: string[];
  edge: number;
  streamTime: number;
  cursor: Cell | null;
  marks: { time: number; label: string; look: Look }[];
  dark: boolean;
  ink: Ink;
  words: { running: string };
};

const LABELS_MAX = 4;

export function colour(look: Look, dark: boolean): string {
  return dark ? look.dark : look.light;
}

export function marker(context: CanvasRenderingContext2D, shape: Marker, x: number, y: number, radius: number): void {
  context.beginPath();
  if (shape === 'circle') context.arc(x, y, radius, 0, 2 * Math.PI);
  else if (shape === 'square') context.rect(x - radius * 0.88, y - radius * 0.88, radius * 1.76, radius * 1.76);
  else if (shape === 'triangle') {
    context.moveTo(x, y - radius * 1.2);
    context.lineTo(x + radius * 1.1, y + radius * 0.85);
    context.lineTo(x - radius * 1.1, y + radius * 0.85);
    context.closePath();
  } else {
    context.moveTo(x, y - radius * 1.25);
    context.lineTo(x + radius * 1.25, y);
    context.lineTo(x, y + radius * 1.25);
    context.lineTo(x - radius * 1.25, y);
    context.closePath();
  }
}

/** Under the series: the running window's ground, the cursor's line. */
export function under(plot: uPlot, scene: Scene, ratio: number): void {
  const { ctx: context, bbox } = plot;
  const { ink } = scene;
  const x = (time: number) => Math.min(Math.max(plot.valToPos(time, 'x', true), bbox.left), bbox.left + bbox.width);
  context.save();
  context.setLineDash([]);
  for (const cell of scene.points.running) {
    const left = x(cell.start);
    context.fillStyle = ink.band;
    context.fillRect(left, bbox.top, x(Math.min(cell.end, scene.edge)) - left, bbox.height);
  }
  if (scene.cursor) {
    const at = Math.round(x(Math.min(scene.cursor.end, scene.edge)));
    context.strokeStyle = ink.quiet;
    context.lineWidth = ratio;
    context.beginPath();
    context.moveTo(at, bbox.top);
    context.lineTo(at, bbox.top + bbox.height);
    context.stroke();
  }
  context.restore();
}

/** Over the series. */
export function over(plot: uPlot, scene: Scene, ratio: number): void {
  const { ctx: context, bbox } = plot;
  const { ink, points, dark } = scene;
  const px = (time: number) => plot.valToPos(time, 'x', true);
  const py = (value: number) => plot.valToPos(value, 'y', true);
  const left = bbox.left - 6 * ratio;
  context.save();
  context.lineJoin = 'round';
  context.setLineDash([]);

  // Windows that are over: filled markers; a tick above one that a late record has corrected.
  points.series.forEach((series, index) => {
    const look = scene.looks[index]!;
    const dense = points.x.length > 1 && px(points.x.at(-1)!) - px(points.x.at(-2)!) < 9 * ratio;
    context.fillStyle = colour(look, dark);
    context.strokeStyle = ink.ground;
    context.lineWidth = 1.5 * ratio;
    points.x.forEach((time, at) => {
      const value = series.values[at];
      const cell = points.cells[at];
      if (value === null || value === undefined || !cell) return;
      const pointed = scene.cursor === cell;
      const lonely = series.values[at - 1] == null && series.values[at + 1] == null;
      if (px(time) < left || (dense && !pointed && !lonely)) return;
      marker(context, look.marker, px(time), py(value), (pointed ? 5 : 3.5) * ratio);
      context.stroke();
      context.fill();
      if (!series.members.some((member) => cell.corrected.has(member))) return;
      context.save();
      context.strokeStyle = ink.warn;
      context.lineWidth = 2 * ratio;
      context.beginPath();
      context.moveTo(px(time), py(value) - 7 * ratio);
      context.lineTo(px(time), py(value) - 14 * ratio);
      context.stroke();
      context.restore();
    });
  });

  // The running window: from (start, 0) to (stream time, value so far), in dots, with a hollow point.
  const labels: { y: number; text: string; colour: string }[] = [];
  let labelX = 0;
  for (const cell of points.running) {
    const tip = Math.min(Math.max(scene.streamTime, cell.start), cell.end);
    points.series.forEach((series, index) => {
      const value = valueOf(cell, series.members);
      if (value === null) return;
      const look = scene.looks[index]!;
      context.strokeStyle = colour(look, dark);
      context.lineWidth = 1.75 * ratio;
      context.setLineDash([2.5 * ratio, 4 * ratio]);
      context.lineCap = 'round';
      context.beginPath();
      context.moveTo(px(cell.start), py(0));
      context.lineTo(px(tip), py(value));
      context.stroke();
      context.setLineDash([]);
      context.lineCap = 'butt';
      context.fillStyle = ink.ground;
      marker(context, look.marker, px(tip), py(value), 4.5 * ratio);
      context.fill();
      context.stroke();
      labels.push({ y: py(value), text: `${scene.names[index]} ${value}`, colour: colour(look, dark) });
      labelX = px(tip) + 10 * ratio;
    });
  }
  if (labels.length <= LABELS_MAX) direct(context, labels, labelX, bbox, ratio, ink);

  // What the reader published: a pin at its moment.
  for (const mark of scene.marks) {
    const at = px(mark.time);
    if (at < bbox.left || at > bbox.left + bbox.width + 4 * ratio) continue;
    context.strokeStyle = ink.accent;
    context.fillStyle = ink.accent;
    context.lineWidth = 1 * ratio;
    context.beginPath();
    context.moveTo(at, bbox.top + 14 * ratio);
    context.lineTo(at, bbox.top + bbox.height);
    context.stroke();
    context.beginPath();
    context.arc(at, bbox.top + bbox.height, 3 * ratio, 0, 2 * Math.PI);
    context.fill();
    context.font = scaled(ink.font, ratio);
    context.textBaseline = 'top';
    context.textAlign = at - bbox.left < 70 * ratio ? 'left' : 'right';
    context.fillText(mark.label, at + (context.textAlign === 'left' ? 4 : -4) * ratio, bbox.top + 12 * ratio);
  }
  context.restore();
}

/** Names and values beside the hollow points, pushed apart so that none covers another. */
function direct(
  context: CanvasRenderingContext2D,
  labels: { y: number; text: string; colour: string }[],
  x: number,
  bbox: uPlot.BBox,
  ratio: number,
  ink: Ink,
): void {
  const step = 15 * ratio;
  labels.sort((a, b) => a.y - b.y);
  const bottom = bbox.top + bbox.height;
  labels.forEach((label, index) => {
    const above = labels[index - 1];
    if (above) label.y = Math.max(label.y, above.y + step);
  });
  for (let index = labels.length - 1; index >= 0; index -= 1) {
    const limit = index === labels.length - 1 ? bottom - 2 * ratio : labels[index + 1]!.y - step;
    labels[index]!.y = Math.min(labels[index]!.y, limit);
  }
  context.font = scaled(ink.fontStrong, ratio);
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  for (const label of labels) {
    context.fillStyle = label.colour;
    context.fillText(label.text, x, label.y);
  }
}

function scaled(font: string, ratio: number): string {
  return font.replace(/(\d+)px/, (_, size: string) => `${Number(size) * ratio}px`);
}
