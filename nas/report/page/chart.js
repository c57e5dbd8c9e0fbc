"use strict";
/* The charts and the switch of colours of a page. Texts are set as texts, never as HTML; nothing is loaded. */
(() => {
  const root = document.documentElement;
  const SVG = "http://www.w3.org/2000/svg";
  const colour = name => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const SERIES = ["blue", "vermillion", "green", "purple", "orange", "sky", "ink"];
  const SHAPES = ["circle", "square", "triangle", "diamond", "cross"];
  const STEPS = 65534, NEAR = 14, ROOM = 26;

  /* Elements */
  const svg = (name, attributes = {}, ...children) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const html = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  /* What packing.py packed */
  const bytes = text => {
    const letters = atob(text), found = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) found[i] = letters.charCodeAt(i);
    return found;
  };
  const numbers = ({ low, high, ratio, steps }) => {
    const packed = new Uint16Array(bytes(steps).buffer), found = new Float64Array(packed.length);
    const growth = ratio ? Math.log(high / low) / STEPS : (high - low) / STEPS;
    for (let i = 0; i < packed.length; i++) {
      found[i] = packed[i] > STEPS ? NaN : ratio ? low * Math.exp(growth * packed[i]) : low + growth * packed[i];
    }
    return found;
  };
  const texts = async text => {
    if (typeof DecompressionStream === "undefined") return [];
    const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
    return (await new Response(stream).text()).split("\n");
  };

  const shown = value => value >= 99.95 ? String(Math.round(value)) : Number(value.toPrecision(3)).toString();
  const spread = ([value, low, high], unit) =>
    low === high ? `${shown(value)} ${unit}` : `${shown(value)} ${unit} (${shown(low)} to ${shown(high)})`;

  const ticks = (low, high, log, most) => {
    if (!log) {
      const step = 10 ** Math.floor(Math.log10((high - low) / most));
      const wide = [1, 2, 5, 10].map(each => each * step).find(each => (high - low) / each <= most) || 10 * step;
      const found = [];
      for (let value = Math.ceil(low / wide) * wide; value <= high + 1e-9 * wide; value += wide) found.push(value);
      return found;
    }
    if (high / low < 3) return ticks(low, high, false, most);
    for (const some of [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]]) {
      const found = [];
      for (let ten = Math.floor(Math.log10(low)); ten <= Math.ceil(Math.log10(high)); ten++) {
        found.push(...some.map(each => each * 10 ** ten).filter(value => value >= low && value <= high));
      }
      const every = some.length > 1 ? 1 : Math.ceil(found.length / most);
      if (found.length <= most || some.length === 1) return found.filter((_, index) => index % every === 0);
    }
    return [];
  };

  const shape = (kind, size, attributes) => {
    const s = size;
    const path = {
      square: `M${-s} ${-s}H${s}V${s}H${-s}Z`,
      triangle: `M0 ${-1.2 * s}L${1.15 * s} ${0.9 * s}H${-1.15 * s}Z`,
      diamond: `M0 ${-1.35 * s}L${1.35 * s} 0L0 ${1.35 * s}L${-1.35 * s} 0Z`,
      cross: `M${-s} ${-s}L${s} ${s}M${-s} ${s}L${s} ${-s}`,
    }[kind];
    return path ? svg("path", { d: path, ...attributes }) : svg("circle", { r: s, ...attributes });
  };

  class Chart {
    constructor(figure) {
      const data = JSON.parse(figure.querySelector("script").textContent);
      Object.assign(this, { figure, costs: data.costs, series: data.series, cost: 0, log: data.costs[0].log });
      this.series.forEach((each, index) => {
        each.paint = typeof each.colour === "number" ? SERIES[each.colour % SERIES.length] : each.colour;
        const order = typeof each.colour === "number" ? each.colour : each.dashed ? index + 1 : each.hollow ? 3 : 0;
        each.shape = SHAPES[order % SHAPES.length];
        each.shown = true;
      });
      this.groups = data.trials.map(each => ({
        ...each, accuracy: numbers(each.accuracy), costs: each.costs.map(numbers), names: [], words: [],
      }));
      this.groups.forEach(each => { each.bare = each.accuracy.some(Number.isNaN); });
      this.groups.forEach((each, index) => { each.paint = ["sky", "grey", "orange", "purple"][index]; });
      this.build();
      this.home();
      new ResizeObserver(() => { this.ready = true; this.paint(); }).observe(this.plot);
      this.unpack();
    }

    async unpack() {
      for (const each of this.groups) {
        each.names = await texts(each.numbers);
        each.words = await texts(each.texts);
      }
    }

    build() {
      this.canvas = html("canvas");
      this.svg = svg("svg", { class: "live" });
      this.tip = html("div", { className: "tip", hidden: true });
      this.tip.setAttribute("role", "status");
      this.plot = html("div", { className: "plot", tabIndex: 0 }, this.canvas, this.svg, this.tip);
      this.plot.setAttribute("role", "group");
      this.plot.setAttribute("aria-label", `${this.figure.dataset.alt}. Arrow keys move the view, plus and minus zoom, ` +
        "0 shows all; Tab goes from network to network, Enter opens its page.");
      this.figure.append(this.controls(), this.plot, this.legend());
      this.plot.addEventListener("pointermove", event => this.move(event));
      this.plot.addEventListener("pointerleave", () => { if (!this.pinned) this.hide(); });
      this.plot.addEventListener("pointerdown", event => this.press(event));
      this.plot.addEventListener("pointerup", event => this.release(event));
      this.plot.addEventListener("pointercancel", () => this.drop());
      this.plot.addEventListener("dblclick", () => this.home());
      this.plot.addEventListener("keydown", event => this.key(event));
      this.plot.addEventListener("wheel", event => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.at(event));
      }, { passive: false });
    }

    controls() {
      const choice = html("select");
      choice.setAttribute("aria-label", "Cost on the axis");
      this.costs.forEach((each, index) => choice.append(html("option", { value: index, textContent: each.label })));
      const log = html("input", { type: "checkbox", checked: this.log });
      choice.addEventListener("change", () => {
        this.cost = Number(choice.value);
        this.log = log.checked = this.costs[this.cost].log;
        this.home();
      });
      log.addEventListener("change", () => { this.log = log.checked; this.home(); });
      const button = (text, label, act) => {
        const found = html("button", { type: "button", textContent: text, title: label });
        found.setAttribute("aria-label", label);
        found.addEventListener("click", act);
        return found;
      };
      return html("div", { className: "controls" },
        html("label", {}, "cost ", choice), html("label", {}, log, " log axis"),
        html("span", { className: "zoom" },
          button("+", "Zoom in", () => this.zoom(0.7)), button("−", "Zoom out", () => this.zoom(1 / 0.7)),
          button("Show all", "Show all", () => this.home())));
    }

    legend() {
      const entry = (each, text, dot) => {
        const box = html("input", { type: "checkbox", checked: each.shown });
        box.addEventListener("change", () => { each.shown = box.checked; this.hide(); this.home(); });
        const swatch = svg("svg", { viewBox: "-8 -8 16 16", class: "swatch", "aria-hidden": "true" }, dot);
        return html("label", {}, box, swatch, text);
      };
      const list = html("div", { className: "legend" });
      for (const each of [...this.series].reverse()) {
        list.append(entry(each, `${each.name} (${each.points.length})`, this.mark(each, 5)));
      }
      for (const each of this.groups) {
        const dot = svg("circle", { r: 3, fill: `var(--${each.paint})` });
        list.append(entry(each, `${each.name} (${each.count.toLocaleString("en")})`, dot));
      }
      return list;
    }

    mark(series, size) {
      const paint = `var(--${series.paint})`;
      const fill = series.hollow || series.shape === "cross" ? "var(--paper)" : paint;
      return shape(series.shape, size, { fill, stroke: paint, "stroke-width": series.shape === "cross" ? 2 : 1.5 });
    }

    /* What is in view: `x` and `y` are ranges on the axis, of logarithms where that is logarithmic. */
    home() {
      const x = [Infinity, -Infinity], y = [Infinity, -Infinity];
      const widen = (range, value) => {
        if (value < range[0]) range[0] = value;
        if (value > range[1]) range[1] = value;
      };
      for (const each of this.series) {
        if (!each.shown) continue;
        for (const { costs, accuracy } of each.points) {
          if (costs[this.cost]) widen(x, costs[this.cost][0]);
          accuracy.slice(1).forEach(value => widen(y, value));
        }
      }
      for (const { shown: seen, costs, accuracy } of this.groups) {
        if (!seen) continue;
        costs[this.cost].forEach(value => widen(x, value));
        accuracy.forEach(value => widen(y, value));
      }
      this.log = this.log && x[0] > 0;
      if (this.log) x.forEach((value, index) => { x[index] = Math.log(value); });
      const wide = (range, share, least) => {
        if (!(range[0] <= range[1])) return [0, 1];
        const by = Math.max((range[1] - range[0]) * share, least);
        return [range[0] - by, range[1] + by];
      };
      this.x = wide(x, 0.05, this.log ? 0.1 : Math.abs(x[1]) * 0.02 + 1e-9);
      this.y = wide(y, 0.06, 0.5);
      if (!this.log && x[0] >= 0) this.x[0] = Math.max(0, this.x[0]);
      this.y = [Math.max(this.y[0], -3), Math.min(this.y[1], 101)];
      this.paint();
    }

    paint() {
      const width = this.plot.clientWidth;
      if (!this.ready || !width) return;
      const bare = this.groups.some(each => each.shown && each.bare);
      const height = Math.round(Math.min(Math.max(width * 0.58, 300), 520));
      const frame = { left: 46, right: width - 12, top: 12, bottom: height - 44 - (bare ? ROOM : 0) };
      Object.assign(this, { width, height, frame, bare });
      this.plot.style.height = `${height}px`;
      this.toX = cost => frame.left +
        ((this.log ? Math.log(cost) : cost) - this.x[0]) / (this.x[1] - this.x[0]) * (frame.right - frame.left);
      this.toY = value => frame.bottom - (value - this.y[0]) / (this.y[1] - this.y[0]) * (frame.bottom - frame.top);
      this.dots();
      this.lines();
    }

    /* The trials, on the canvas, and where they are: lists of those in each square of NEAR pixels. */
    dots() {
      const { canvas, frame, width, height } = this, ratio = window.devicePixelRatio || 1;
      canvas.width = width * ratio;
      canvas.height = height * ratio;
      const pen = canvas.getContext("2d");
      pen.scale(ratio, ratio);
      this.across = Math.ceil(width / NEAR) + 1;
      const total = this.groups.reduce((sum, each) => sum + each.count, 0);
      this.first = new Int32Array(this.across * (Math.ceil(height / NEAR) + 1)).fill(-1);
      this.next = new Int32Array(total);
      this.places = new Float32Array(2 * total);
      const size = total > 2000 ? 2.4 : total > 300 ? 3.4 : 5;
      let start = 0;
      this.groups.forEach((each, index) => {
        each.start = start;
        start += each.count;
        if (!each.shown) return;
        pen.fillStyle = colour(each.paint);
        pen.globalAlpha = total > 2000 ? 0.5 : 0.75;
        const costs = each.costs[this.cost];
        for (let i = 0; i < each.count; i++) {
          const x = this.toX(costs[i]);
          const strip = frame.bottom + 6 + (i * 7 % (ROOM - 12));
          const y = Number.isNaN(each.accuracy[i]) ? strip : this.toY(each.accuracy[i]);
          if (!(x >= frame.left && x <= frame.right && y >= frame.top && (y <= frame.bottom || y === strip))) continue;
          if (size > 3) {
            pen.beginPath();
            pen.arc(x, y, size / 2 + 0.5, 0, 7);
            pen.fill();
          } else pen.fillRect(x - size / 2, y - size / 2, size, size);
          const at = each.start + i, square = Math.floor(x / NEAR) + this.across * Math.floor(y / NEAR);
          this.places[2 * at] = x;
          this.places[2 * at + 1] = y;
          this.next[at] = this.first[square];
          this.first[square] = at;
        }
      });
    }

    lines() {
      const { frame, width, height } = this;
      const back = svg("g", { class: "back" }), front = svg("g", { "clip-path": `url(#${this.figure.id}-clip)` });
      this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      const clip = svg("clipPath", { id: `${this.figure.id}-clip` }, svg("rect", {
        x: frame.left - 8, y: frame.top - 8, width: frame.right - frame.left + 16, height: frame.bottom - frame.top + 16,
      }));
      this.axes(back);
      for (const limit of this.costs[this.cost].limits) {
        const x = this.toX(limit);
        if (!(x >= frame.left && x <= frame.right)) continue;
        back.append(svg("line", { x1: x, x2: x, y1: frame.top, y2: frame.bottom, class: "limit" }));
        back.append(svg("text", { x: x - 4, y: frame.top + 10, class: "end" }, "budget"));
      }
      for (const each of this.series) if (each.shown) this.draw(each, front);
      this.box = svg("rect", { class: "box", visibility: "hidden" });
      const focused = document.activeElement?.getAttribute?.("href");
      this.svg.replaceChildren(clip, back, front, this.box);
      if (focused && this.plot.dataset.inside) this.svg.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
    }

    axes(back) {
      const { frame, height } = this, { label } = this.costs[this.cost];
      const ends = this.x.map(each => this.log ? Math.exp(each) : each);
      for (const value of ticks(...ends, this.log, Math.max(3, Math.floor((frame.right - frame.left) / 70)))) {
        const x = this.toX(value);
        back.append(svg("line", { x1: x, x2: x, y1: frame.top, y2: frame.bottom, class: "grid" }));
        back.append(svg("text", { x, y: height - 26, class: "middle" }, String(Number(value.toPrecision(4)))));
      }
      for (const value of ticks(...this.y, false, Math.max(3, Math.floor((frame.bottom - frame.top) / 45)))) {
        const y = this.toY(value);
        back.append(svg("line", { x1: frame.left, x2: frame.right, y1: y, y2: y, class: "grid" }));
        back.append(svg("text", { x: frame.left - 6, y: y + 4, class: "end" }, String(Number(value.toPrecision(4)))));
      }
      const middle = (frame.left + frame.right) / 2, up = (frame.top + frame.bottom) / 2;
      back.append(svg("text", { x: middle, y: height - 7, class: "middle name" }, label));
      back.append(svg("text", { transform: `translate(11 ${up}) rotate(-90)`, class: "middle name" }, "accuracy (%)"));
      if (this.bare) {
        back.append(svg("line", { x1: frame.left, x2: frame.right, y1: frame.bottom, y2: frame.bottom, class: "edge" }));
        back.append(svg("text", { x: frame.left - 6, y: frame.bottom + ROOM - 8, class: "end small" }, "none"));
      }
    }

    draw(series, group) {
      const paint = `var(--${series.paint})`;
      const known = series.points.filter(({ costs }) => costs[this.cost] && !(this.log && costs[this.cost][0] <= 0));
      const sorted = [...known].sort((a, b) => a.costs[this.cost][0] - b.costs[this.cost][0] || b.accuracy[0] - a.accuracy[0]);
      const place = ({ costs, accuracy }) => [this.toX(costs[this.cost][0]), this.toY(accuracy[0])];
      if (series.dashed && sorted.length) {
        const points = sorted.map(each => place(each).join(" ")).join("L");
        group.append(svg("path", { d: `M${points}`, class: "dashed", stroke: paint }));
      }
      if (series.step && sorted.length) {
        let best = -Infinity, path = "";
        for (const each of sorted) {
          if (each.accuracy[0] <= best) continue;
          const [x, y] = place(each);
          path += path ? `H${x}V${y}` : `M${x} ${y}`;
          best = each.accuracy[0];
        }
        group.append(svg("path", { d: path, class: "step", stroke: paint }));
      }
      for (const point of sorted) {
        const [x, y] = place(point), [, low, high] = point.accuracy, [, less, more] = point.costs[this.cost];
        const bars = `M${x} ${this.toY(low)}V${this.toY(high)}M${this.toX(less)} ${y}H${this.toX(more)}`;
        const dot = svg("g", { transform: `translate(${x} ${y})` }, this.mark(series, series.dashed ? 4 : 6));
        const place_ = svg("g", { class: "point" }, svg("path", { d: bars, class: "bars", stroke: paint }), dot);
        if (!point.href) { group.append(place_); continue; }
        dot.append(svg("circle", { r: 13, class: "reach" }));
        const fits = x + 34 < this.width;
        const label = { x: fits ? x + 8 : x - 8, y: y + 15, class: fits ? "label" : "label end" };
        if (!series.hollow) place_.append(svg("text", label, point.label));
        const link = svg("a", { href: point.href, "aria-label": `${point.name}, ${point.text}`, class: "member" }, place_);
        link.addEventListener("focus", () => {
          if (!link.matches(":focus-visible")) return;
          this.plot.dataset.inside = "1";
          this.tell(point, x, y);
        });
        link.addEventListener("blur", () => { delete this.plot.dataset.inside; this.hide(); });
        group.append(link);
      }
    }

    /* Pointing */
    at(event) {
      const { left, top } = this.plot.getBoundingClientRect();
      return [event.clientX - left, event.clientY - top];
    }

    nearest(x, y) {
      let best = NEAR ** 2, found = null;
      for (const each of this.series) {
        if (!each.shown) continue;
        for (const point of each.points) {
          if (!point.costs[this.cost]) continue;
          const [px, py] = [this.toX(point.costs[this.cost][0]), this.toY(point.accuracy[0])];
          const distance = (px - x) ** 2 + (py - y) ** 2;
          if (distance < best) [best, found] = [distance, { point, x: px, y: py }];
        }
      }
      if (found) return found;
      const column = Math.floor(x / NEAR), row = Math.floor(y / NEAR);
      for (let c = Math.max(0, column - 1); c <= column + 1; c++) {
        for (let r = Math.max(0, row - 1); r <= row + 1; r++) {
          for (let at = this.first[c + this.across * r] ?? -1; at >= 0; at = this.next[at]) {
            const distance = (this.places[2 * at] - x) ** 2 + (this.places[2 * at + 1] - y) ** 2;
            if (distance < best) [best, found] = [distance, at];
          }
        }
      }
      return found === null ? null : { point: this.trial(found), x: this.places[2 * found], y: this.places[2 * found + 1] };
    }

    trial(at) {
      const group = this.groups.find(each => at >= each.start && at < each.start + each.count), i = at - group.start;
      const exact = value => Number.isNaN(value) ? null : [value, value, value];
      return {
        name: `trial ${group.names[i] ?? ""}`, how: group.name, text: group.words[i] ?? "",
        accuracy: exact(group.accuracy[i]), costs: group.costs.map(each => exact(each[i])),
      };
    }

    move(event) {
      const [x, y] = this.at(event);
      if (this.from) {
        const [left, top] = [Math.min(x, this.from[0]), Math.min(y, this.from[1])];
        const [width, height] = [Math.abs(x - this.from[0]), Math.abs(y - this.from[1])];
        this.dragged = this.dragged || width + height > 12;
        const seen = this.dragged ? "visible" : "hidden";
        for (const [key, value] of Object.entries({ x: left, y: top, width, height, visibility: seen })) {
          this.box.setAttribute(key, value);
        }
        return;
      }
      if (this.pinned || this.waiting) return;
      this.waiting = requestAnimationFrame(() => {
        this.waiting = null;
        const found = this.nearest(x, y);
        if (found) this.tell(found.point, found.x, found.y);
        else this.hide();
      });
    }

    press(event) {
      if (event.pointerType !== "mouse" || event.button || event.target.closest("button")) return;
      this.from = this.at(event);
      this.dragged = false;
      event.preventDefault();
    }

    release(event) {
      const [x, y] = this.at(event), from = this.from, dragged = this.dragged;
      this.drop();
      if (dragged) {
        const range = (a, b, low, high) => [Math.max(Math.min(a, b), low), Math.min(Math.max(a, b), high)];
        const [left, right] = range(x, from[0], this.frame.left, this.frame.right);
        const [top, bottom] = range(y, from[1], this.frame.top, this.frame.bottom);
        if (right - left > 8 && bottom - top > 8) this.view(left, right, top, bottom);
        return;
      }
      const found = this.nearest(x, y);
      this.pinned = Boolean(found) && !found.point.href;
      if (this.pinned) this.tell(found.point, found.x, found.y);
      else this.hide();
    }

    drop() {
      this.from = null;
      this.box?.setAttribute("visibility", "hidden");
    }

    view(left, right, top, bottom) {
      const { frame } = this;
      const x = px => this.x[0] + (px - frame.left) / (frame.right - frame.left) * (this.x[1] - this.x[0]);
      const y = px => this.y[0] + (frame.bottom - px) / (frame.bottom - frame.top) * (this.y[1] - this.y[0]);
      [this.x, this.y] = [[x(left), x(right)], [y(bottom), y(top)]];
      this.hide();
      this.paint();
    }

    zoom(factor, at = null) {
      const { left, right, top, bottom } = this.frame;
      const [x, y] = at || [(left + right) / 2, (top + bottom) / 2];
      this.view(x - (x - left) * factor, x + (right - x) * factor, y - (y - top) * factor, y + (bottom - y) * factor);
    }

    key(event) {
      const { left, right, top, bottom } = this.frame || {};
      const by = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] }[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (by && event.target === this.plot) {
        const [x, y] = [by[0] * (right - left), by[1] * (bottom - top)];
        this.view(left + x, right + x, top + y, bottom + y);
      } else if (event.key === "+" || event.key === "=") this.zoom(0.7);
      else if (event.key === "-") this.zoom(1 / 0.7);
      else if (event.key === "0") this.home();
      else if (event.key === "Escape") { this.pinned = false; this.hide(); }
      else return;
      event.preventDefault();
    }

    tell(point, x, y) {
      const rows = [["accuracy", point.accuracy ? spread(point.accuracy, "%") : "none"]];
      this.costs.forEach((each, index) => {
        if (point.costs[index]) rows.push([each.short, spread(point.costs[index], each.unit)]);
      });
      this.tip.replaceChildren(
        html("b", { textContent: point.name }), html("span", { className: "how", textContent: point.how }),
        html("dl", {}, ...rows.flatMap(([name, value]) => [html("dt", { textContent: name }), html("dd", { textContent: value })])),
        html("code", { textContent: point.text }));
      this.tip.hidden = false;
      const { offsetWidth, offsetHeight } = this.tip;
      const left = x + 16 + offsetWidth > this.width ? Math.max(0, x - 16 - offsetWidth) : x + 16;
      this.tip.style.left = `${Math.min(left, Math.max(0, this.width - offsetWidth))}px`;
      this.tip.style.top = `${Math.max(0, Math.min(y - 20, this.height - offsetHeight))}px`;
    }

    hide() {
      cancelAnimationFrame(this.waiting);
      this.waiting = null;
      this.tip.hidden = true;
    }
  }

  const charts = [...document.querySelectorAll("figure.chart")].map(figure => new Chart(figure));

  /* A link to a network opens what it is folded into. */
  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  addEventListener("click", event => {
    const link = event.target.closest?.("a[href^='#']");
    if (link && link.getAttribute("href") === location.hash) open();
  });
  open();

  /* Light or dark: as the system says, until the button says otherwise. */
  const button = document.getElementById("theme"), dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const recolour = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    charts.forEach(each => each.paint());
  };
  try { if (localStorage.getItem("theme")) root.dataset.theme = localStorage.getItem("theme"); } catch { /* kept for this page alone */ }
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* as above */ }
    recolour();
  });
  dark.addEventListener("change", recolour);
  root.classList.add("js");
  recolour();
})();
