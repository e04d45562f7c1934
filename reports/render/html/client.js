// What does the report do once it is open? Turns the drawn charts into live ones: tooltips, hiding, widths.
// Without this script the report shows everything all the same.

(() => {
  const { vega } = window;
  const hidden = new Set();
  const live = new Map();

  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.setAttribute('role', 'tooltip');
  tip.hidden = true;
  document.body.append(tip);

  function showTip(_handler, event, _item, value) {
    tip.hidden = value === null || value === undefined || value === '';
    if (tip.hidden) return;
    tip.textContent = String(value);
    const { clientX: x, clientY: y } = event;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, x + 14 + width > innerWidth ? x - width - 10 : x + 14)}px`;
    tip.style.top = `${Math.max(4, y + 14 + height > innerHeight ? y - height - 10 : y + 14)}px`;
  }

  // A hidden tab or a closed <details> has no width: then the drawn width stays.
  function fit({ view, figure, overhead }) {
    const room = figure.clientWidth;
    if (figure.dataset.fluid !== 'true' || room < 120) return;
    view.width(Math.max(120, room - overhead));
  }

  async function enliven(figure) {
    const plot = figure.querySelector('.plot');
    const { spec, hover } = JSON.parse(figure.querySelector('script').textContent);
    const stage = document.createElement('div');
    const view = new vega.View(vega.parse(spec), { renderer: 'svg', container: stage, hover: false });
    view.tooltip(showTip);
    view.data('hover', hover);
    view.signal('hidden', [...hidden]);
    await view.runAsync();
    // `fit-x` takes the whole width; charts of several views take the width of a plot, so their axes come off first.
    const entry = {
      view,
      figure,
      overhead: spec.autosize?.type === 'fit-x' ? 0 : drawnWidth(plot) - view.width(),
    };
    fit(entry);
    await view.runAsync();
    plot.replaceChildren(stage);
    live.set(figure.id, entry);
    figure.dataset.live = 'true';
  }

  const drawnWidth = (plot) => Number(plot.querySelector('svg').getAttribute('width'));

  function start(figure) {
    if (figure.dataset.live !== undefined) return;
    figure.dataset.live = 'starting';
    enliven(figure).catch((error) => {
      figure.dataset.live = 'failed';
      reportError(error);
    });
  }

  function toggle(series) {
    if (hidden.has(series)) hidden.delete(series);
    else hidden.add(series);
    for (const button of document.querySelectorAll('.legend button[data-series]')) {
      button.setAttribute('aria-pressed', String(!hidden.has(button.dataset.series)));
    }
    for (const figure of document.querySelectorAll('figure[data-only]')) {
      figure.hidden = hidden.has(figure.dataset.only);
    }
    for (const { view } of live.values()) view.signal('hidden', [...hidden]).runAsync();
  }

  for (const button of document.querySelectorAll('.legend button[data-series]')) {
    button.disabled = false;
    button.addEventListener('click', () => toggle(button.dataset.series));
  }
  for (const hint of document.querySelectorAll('.legend-hint')) hint.hidden = false;

  // Charts come alive as they come near: a long report opens at once.
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        start(target);
      }
    },
    { rootMargin: '600px' },
  );
  for (const figure of document.querySelectorAll('figure[data-chart]')) observer.observe(figure);

  let pending = 0;
  addEventListener('resize', () => {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(() => {
      for (const entry of live.values()) {
        fit(entry);
        entry.view.runAsync();
      }
    });
  });
  addEventListener('scroll', () => (tip.hidden = true), { passive: true });
  // What is folded away on the screen belongs on paper.
  addEventListener('beforeprint', () => {
    for (const details of document.querySelectorAll('details')) details.open = true;
  });
})();
