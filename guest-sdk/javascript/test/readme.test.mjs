// Every JavaScript snippet of README.md runs.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";

test("every snippet of README.md runs", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const snippets = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, text]) => text);
  assert.ok(snippets.length > 4);
  const folder = await mkdtemp(path.join(tmpdir(), "sandmill-readme-"));
  try {
    for (const [number, snippet] of snippets.entries()) {
      assert.match(snippet, /assert/);
      const file = path.join(folder, `${number}.mjs`);
      const index = new URL("../index.js", import.meta.url).href;
      await writeFile(file, `import assert from "node:assert/strict";\n${snippet.replace('"#sandmill"', JSON.stringify(index))}`);
      await import(file);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
