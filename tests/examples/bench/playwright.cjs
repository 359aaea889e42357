// The steps of an episode as people script them today: no identity, no dedupe, no gate, no proof on disk.
const readline = require('node:readline');
const { chromium } = require('playwright-core');

const { ORIGIN, HANDLE, BROWSER } = process.env;

async function episode(browser, storageState, text) {
  const started = performance.now();
  const capture = async (page) => { await Promise.all([page.screenshot(), page.content()]); };
  let context = await browser.newContext({ storageState, viewport: { width: 1280, height: 800 } });
  let page = await context.newPage();
  await page.goto(`${ORIGIN}/${HANDLE}`);
  await page.getByTestId('profile-avatar').screenshot();
  await page.getByTestId('account-menu').click();
  await page.locator('[data-testid=account-option][aria-checked=true]').waitFor();
  await capture(page);
  await page.keyboard.press('Escape');
  await page.goto(`${ORIGIN}/${HANDLE}/posts`);
  await page.getByTestId('feed-ready').waitFor({ state: 'attached' });
  await capture(page);
  await page.goto(`${ORIGIN}/compose`);
  await page.getByTestId('composer-editor').waitFor();
  await capture(page);
  await page.getByTestId('composer-editor').fill(text);
  await capture(page);
  await capture(page);
  await page.getByTestId('post-submit').click();
  await capture(page);
  await page.getByText('Your post is live').waitFor();
  await capture(page);
  await context.close();

  context = await browser.newContext({ storageState, viewport: { width: 1280, height: 800 } });
  page = await context.newPage();
  await page.goto(`${ORIGIN}/${HANDLE}/posts`);
  await page.getByTestId('feed-ready').waitFor({ state: 'attached' });
  await capture(page);
  const link = await page.locator('[data-testid=post] a[data-testid=post-link]').first().getAttribute('href');
  await page.goto(new URL(link, ORIGIN).href);
  await page.getByTestId('like-button').waitFor();
  await capture(page);
  await context.close();
  return performance.now() - started;
}

(async () => {
  const browser = await chromium.launch({ executablePath: BROWSER, chromiumSandbox: process.getuid() !== 0 });
  let sessions = null;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line === 'end') break;
    if (!sessions) { sessions = JSON.parse(line); continue; }
    const { level, round } = JSON.parse(line);
    const runs = Array.from({ length: level }, (_, i) => episode(browser, sessions[i], `Episode ${round}, account ${i}, from Playwright`));
    process.stdout.write(`${JSON.stringify(await Promise.all(runs))}\n`);
  }
  await browser.close();
  process.exit(0); // standard input is still open
})();
