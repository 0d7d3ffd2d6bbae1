// The board's own script: what pages do beyond links and forms. Without it they still work, but do not
// follow what happens.
'use strict';

const FEED = 30; // moves beside the board
const CARDS = 50; // cards of a column before "more"
const BURST = 25; // moves at once beyond which nothing is highlighted
const $ = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// -- Time ------------------------------------------------------------------------------------------

function ago(time) {
  const s = Math.max(0, Math.floor((Date.now() - Date.parse(time)) / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

function keepTimesTrue() {
  if (document.hidden) return;
  for (const time of all('time[datetime]')) {
    const text = ago(time.dateTime);
    if (time.textContent !== text) time.textContent = text;
  }
}
setInterval(keepTimesTrue, 5000);

// -- Messages --------------------------------------------------------------------------------------

let toastTimer;
function toast(text) {
  const place = $('#toast');
  place.textContent = text;
  place.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { place.hidden = true; }, 8000);
}

function banner(text) {
  const place = $('#banner');
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

// The page of an entity; browsers take . and .. for directories, so an = goes before them.
const pageOf = (id) => `/entities/${id.replace(/\/(\.\.?)$/, '/=$1')}`;

// -- Pages as dialogs ------------------------------------------------------------------------------

const parser = new DOMParser();
const dialog = $('#dialog');

async function ask(path, options = {}) {
  const headers = { accept: 'text/html', ...options.headers };
  const response = await fetch(path, { credentials: 'same-origin', ...options, headers });
  return { response, page: parser.parseFromString(await response.text(), 'text/html') };
}

function show(page) {
  const main = $('main', page);
  const close = document.createElement('button');
  close.className = 'close quiet';
  close.type = 'button';
  close.textContent = 'Close';
  close.addEventListener('click', () => dialog.close());
  dialog.replaceChildren(close, main ? document.importNode(main, true) : 'Nothing came.');
  const title = $('h1', dialog);
  dialog.setAttribute('aria-label', title ? title.textContent : 'Details');
  if (!dialog.open) dialog.showModal();
  const places = ['[autofocus]', '.problem', 'input:not([type=hidden], :disabled)', 'h1'];
  const first = places.map((place) => $(place, dialog)).find(Boolean);
  if (first) {
    if (first.matches('h1, .problem')) first.tabIndex = -1;
    first.focus();
  }
  prepare(dialog);
}

async function open(path) {
  try {
    const { response, page } = await ask(path);
    if (response.redirected && new URL(response.url).pathname === '/sign-in') location.assign(response.url);
    else show(page);
  } catch {
    toast('The server does not answer; try again.');
  }
}

function send(form, submitter) {
  const data = new URLSearchParams(new FormData(form, submitter));
  const method = (submitter && submitter.getAttribute('formmethod')) || form.method;
  const action = (submitter && submitter.getAttribute('formaction')) || form.getAttribute('action') || location.pathname;
  if (method === 'get') return ask(`${action}?${data}`);
  return ask(action, { method: 'POST', body: data });
}

document.addEventListener('click', (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest('a[data-dialog]');
  if (link) {
    event.preventDefault();
    open(link.href);
  }
  const move = event.target.closest('.card .move');
  if (move) open(`${pageOf(move.closest('.card').dataset.id)}/move`);
  if (event.target === dialog) dialog.close();
});

document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (!form.matches('dialog form[data-dialog]') || form.method === 'dialog') return;
  event.preventDefault();
  if (form.dataset.sent !== undefined) return; // pressed twice
  form.dataset.sent = '';
  try {
    const { response, page } = await send(form, event.submitter);
    if (response.redirected) {
      dialog.close();
      const there = new URL(response.url);
      if (there.pathname !== location.pathname) location.assign(there);
      else if (live.heard) toast('Done.');
      else location.reload();
    } else {
      show(page);
      marks(dialog);
    }
  } catch {
    toast('The server does not answer; nothing may have been done. Try again.');
  } finally {
    delete form.dataset.sent;
  }
});

// -- Forms that are checked while they are filled in, and lists that are searched --------------------

function prepare(root) {
  for (const form of all('form[data-check]', root)) {
    let timer;
    let latest = 0;
    const check = async () => {
      const number = ++latest;
      const body = new URLSearchParams(new FormData(form));
      try {
        const { page } = await ask(form.dataset.check, { method: 'POST', body });
        const place = $('[data-result]', form);
        if (number === latest && place) place.replaceChildren(...all('main > *', page).map((node) => document.importNode(node, true)));
      } catch { /* the next one will tell */ }
    };
    form.addEventListener('input', () => {
      clearTimeout(timer);
      timer = setTimeout(check, 400);
    });
    check();
  }
  for (const input of all('input[data-filter]', root)) {
    const main = input.closest('main');
    input.addEventListener('input', () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const item of all('[data-text]', main)) {
        const text = item.dataset.text.toLowerCase();
        item.hidden = !words.every((word) => text.includes(word));
      }
      for (const section of all('section', main)) {
        const items = all('[data-text]', section);
        section.hidden = items.length > 0 && items.every((item) => item.hidden);
      }
    });
  }
  marks(root);
}

// What an event that is tried out would do, on the board behind the dialog.
function marks(root) {
  const told = $('[data-marks]', root);
  if (!told) return;
  for (const marked of all('.trigger[data-result]')) delete marked.dataset.result;
  for (const marked of all('.card.marked')) marked.classList.remove('marked');
  for (const { entity, trigger, result } of JSON.parse(told.dataset.marks)) {
    const chip = trigger && $(`.trigger[data-trigger="${CSS.escape(trigger)}"]`);
    if (chip) chip.dataset.result = result;
    const card = entity && cardOf(entity);
    if (card) card.classList.add('marked');
  }
}

// -- The board -------------------------------------------------------------------------------------

const board = $('#board');
const live = { heard: false, source: null, token: '', waiting: [], asked: 0 };

const cardOf = (id) => document.getElementById(`card-${id}`);
const column = (stage) => $(`.column[data-stage="${CSS.escape(stage)}"]`);
const fields = () => (board.dataset.fields === undefined ? '' : `&fields=${encodeURIComponent(board.dataset.fields)}`);
const pathOf = (what) => `${board.dataset.path}/${what}`;

function listen() {
  const source = new EventSource(`${pathOf('live')}?from=${encodeURIComponent(live.token)}${fields()}`);
  live.source = source;
  source.addEventListener('open', () => banner(''));
  source.addEventListener('news', (event) => {
    live.heard = true;
    if (event.lastEventId) live.token = event.lastEventId;
    live.waiting.push(JSON.parse(event.data));
    // A page that nobody looks at gets no frames; what it missed it reads anew.
    if (document.hidden && live.waiting.length > 300) live.waiting = ['anew'];
    else if (live.waiting.length === 1) requestAnimationFrame(tell);
  });
  source.addEventListener('reset', () => { source.close(); location.reload(); });
  source.addEventListener('error', () => {
    banner('The connection was lost. Trying to reconnect; nothing will be missed.');
    // A browser gives up when something else than the stream answers, such as a proxy.
    if (source.readyState === EventSource.CLOSED) setTimeout(comeBack, 1000 + Math.random() * 1000);
  });
}

async function comeBack() {
  try {
    const { response } = await ask(location.href);
    if (response.redirected) location.reload(); // to sign in again
    else if (response.ok) listen();
    else setTimeout(comeBack, 2000);
  } catch {
    setTimeout(comeBack, 2000);
  }
}

function tell() {
  const waiting = live.waiting;
  live.waiting = [];
  if (waiting[0] === 'anew') { location.reload(); return; }
  const quiet = waiting.reduce((sum, news) => sum + news.moves.length, 0) > BURST;
  for (const news of waiting) {
    for (const id of news.gone) drop(id);
    for (const id of news.left) drop(id);
    for (const written of news.cards) put(written);
    for (const moved of news.moves) move(moved, quiet, news.called);
    if (news.heads) for (const [stage, head] of Object.entries(news.heads)) heading(stage, head);
    feed(news.latest, news.called);
  }
  for (const at of all('.column')) trim(at);
  bring();
}

function drop(id) {
  const card = cardOf(id);
  if (card) card.remove();
}

const template = document.createElement('template');

function parsed(html) {
  template.innerHTML = html;
  return template.content.firstElementChild;
}

// A card that was made or changed; it stays where it is, unless it stands elsewhere now.
function put({ id, stage, revision, html }) {
  const old = cardOf(id);
  if (old && Number(old.dataset.revision) > revision) return;
  const to = column(stage);
  if (!to) { drop(id); return; }
  const card = parsed(html);
  const had = old && old.contains(document.activeElement);
  if (old && old.dataset.stage === stage) old.replaceWith(card);
  else {
    drop(id);
    $('.cards', to).prepend(card);
    card.classList.add('fresh');
  }
  if (had) $('.name', card).focus();
}

function move({ id, to, revision, by, time }, quiet, called) {
  const old = cardOf(id);
  if (old && Number(old.dataset.revision) > revision) return;
  const there = to && column(to);
  if (!there) { drop(id); return; }
  const card = old || bare(id, called[id]);
  const had = card.contains(document.activeElement);
  card.dataset.stage = to;
  card.dataset.revision = revision;
  $('.cards', there).prepend(card);
  if (had) $('.name', card).focus();
  const since = $('time', card);
  since.dateTime = time;
  since.title = time;
  since.textContent = ago(time);
  const cause = $('.cause', card);
  cause.textContent = by;
  cause.hidden = false;
  card.classList.remove('fresh');
  if (!quiet) {
    void card.offsetWidth; // begins the highlight anew
    card.classList.add('fresh');
  }
}

// A card of which no more is known than what it is called; the rest is asked for while it is shown.
function bare(id, called) {
  const card = parsed('<li class="card" data-bare><a class="name"></a><p class="foot"><span class="age"><time></time></span></p><p class="cause" hidden></p></li>');
  card.id = `card-${id}`;
  card.dataset.id = id;
  const name = $('.name', card);
  name.href = pageOf(id);
  name.textContent = called || id;
  return card;
}

async function bring() {
  if (live.asked || document.hidden) return;
  const ids = all('.card[data-bare]').slice(0, 100).map((card) => card.dataset.id);
  if (!ids.length) return;
  live.asked = setTimeout(() => { live.asked = 0; bring(); }, 1000);
  try {
    const { response, page } = await ask(`${pathOf('cards')}?ids=${ids.map(encodeURIComponent).join(',')}${fields()}`);
    if (!response.ok) return;
    for (const card of all('.card', page)) {
      const old = cardOf(card.dataset.id);
      if (!old) continue;
      const cause = $('.cause', old);
      if (Number(old.dataset.revision) > Number(card.dataset.revision)) continue;
      // It moved meanwhile, which is about to be told; then it is asked for again.
      if (card.dataset.stage !== old.dataset.stage) continue;
      const fresh = old.classList.contains('fresh');
      const had = old.contains(document.activeElement);
      old.replaceWith(document.importNode(card, true));
      const now = cardOf(card.dataset.id);
      $('.cause', now).textContent = cause.textContent;
      $('.cause', now).hidden = cause.hidden;
      now.classList.toggle('fresh', fresh);
      if (had) $('.name', now).focus();
    }
  } catch { /* the cards keep their ids */ }
}

// Columns stay as short as they are on a fresh page, unless somebody asked for more.
function trim(at) {
  const cards = $('.cards', at);
  const most = Number(at.dataset.most || CARDS);
  while (cards.children.length > most) {
    const last = cards.lastElementChild;
    if (last.contains(document.activeElement)) break;
    last.remove();
  }
  const count = Number($('[data-count]', at).textContent);
  $('.more', at).hidden = cards.children.length >= count;
}

function heading(stage, { count, triggers }) {
  const at = column(stage);
  if (!at) { location.reload(); return; }
  $('[data-count]', at).textContent = count;
  const place = $('[data-triggers]', at);
  if (place.innerHTML === triggers || live.told?.[stage] === triggers) return;
  live.told = { ...live.told, [stage]: triggers };
  const focused = place.contains(document.activeElement) && document.activeElement.dataset.trigger;
  const results = new Map(all('.trigger[data-result]', place).map((chip) => [chip.dataset.trigger, chip.dataset.result]));
  place.innerHTML = triggers;
  for (const [trigger, result] of results) {
    const chip = $(`.trigger[data-trigger="${CSS.escape(trigger)}"]`, place);
    if (chip) chip.dataset.result = result;
  }
  if (focused) $(`.trigger[data-trigger="${CSS.escape(focused)}"]`, place)?.focus();
}

function feed(moves, called) {
  const list = $('#feed');
  for (const { move: number, id, from, to, by, time } of moves) {
    if ($(`[data-move="${CSS.escape(number)}"]`, list)) continue;
    const item = document.createElement('li');
    item.dataset.move = number;
    const link = document.createElement('a');
    link.href = pageOf(id);
    link.title = id;
    link.textContent = called[id] || id;
    const way = document.createElement('span');
    way.className = 'way';
    way.textContent = ` ${labelOf(from)} → ${labelOf(to)} `;
    const cause = document.createElement('span');
    cause.className = 'faint';
    const when = document.createElement('time');
    when.dateTime = time;
    when.title = time;
    when.textContent = ago(time);
    cause.append(`${by} · `, when, ' ago');
    item.append(link, way, cause);
    list.prepend(item);
  }
  while (list.children.length > FEED) list.lastElementChild.remove();
  if (moves.length) $('#quiet')?.remove();
}

function labelOf(stage) {
  if (!stage) return 'another pipeline';
  const at = column(stage);
  return at ? $('h2', at).textContent : stage;
}

async function more(button) {
  const at = button.closest('.column');
  const cards = $('.cards', at);
  let after = at.dataset.after || '';
  let added = 0;
  button.disabled = true;
  try {
    // They come by their ids, which is not as they stand here: some are here already.
    do {
      const { response, page } = await ask(`${pathOf('cards')}?stage=${encodeURIComponent(at.dataset.stage)}&after=${encodeURIComponent(after)}${fields()}`);
      if (!response.ok) { toast($('.problem', page)?.textContent || 'That did not work.'); return; }
      for (const card of all('.card', page)) {
        if (cardOf(card.dataset.id)) continue;
        cards.append(document.importNode(card, true));
        added += 1;
      }
      after = $('.next', page)?.dataset.after || '';
    } while (after && !added);
    at.dataset.after = after;
    at.dataset.most = Math.max(Number(at.dataset.most || CARDS) + CARDS, cards.children.length);
    trim(at);
  } catch {
    toast('The server does not answer; try again.');
  } finally {
    button.disabled = false;
  }
}

async function moveByHand(id, stage) {
  const card = cardOf(id);
  const body = new URLSearchParams({ stage, revision: card.dataset.revision });
  try {
    const { response, page } = await ask(`${pageOf(id)}/move`, { method: 'POST', body });
    if (!response.ok) toast($('.problem', page)?.textContent || 'It was not moved.');
  } catch {
    toast('The server does not answer; the card may not have moved. Try again.');
  }
}

if (board) {
  live.token = board.dataset.token;
  listen();
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) { keepTimesTrue(); if (live.waiting.length) tell(); else bring(); }
  });
  board.addEventListener('click', (event) => {
    const button = event.target.closest('.more');
    if (button) more(button);
  });
  let dragged = null;
  board.addEventListener('dragstart', (event) => {
    const card = event.target.closest('.card[draggable=true]');
    if (!card) return;
    dragged = card.dataset.id;
    event.dataTransfer.effectAllowed = 'move';
    event.dataTransfer.setData('text/plain', dragged);
    card.classList.add('dragged');
  });
  const over = (at) => { for (const other of all('.column.over')) if (other !== at) other.classList.remove('over'); };
  board.addEventListener('dragend', () => {
    over(null);
    for (const card of all('.card.dragged')) card.classList.remove('dragged');
    dragged = null;
  });
  board.addEventListener('dragover', (event) => {
    const at = event.target.closest('.column');
    over(at);
    if (!at || !dragged) return;
    event.preventDefault();
    at.classList.add('over');
  });
  board.addEventListener('drop', (event) => {
    const at = event.target.closest('.column');
    over(null);
    if (!at || !dragged) return;
    event.preventDefault();
    const card = cardOf(dragged);
    if (card && card.dataset.stage !== at.dataset.stage) moveByHand(dragged, at.dataset.stage);
  });
}
prepare(document);
keepTimesTrue();
