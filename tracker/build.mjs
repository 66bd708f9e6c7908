/**
 * `node build.mjs`: src/clickstream.js → dist/clickstream.js, its size, and the hashes of both in SHA256SUMS.
 * `node build.mjs --check`: fail if the built file in the tree is not what the source becomes.
 *
 * `make tracker` calls it. SHA256SUMS lets `make check` see without esbuild that source and built file belong together.
 */

import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { build } from "esbuild"

const LIMIT = 2048
const SOURCES = ["src/clickstream.js", "clickstream.d.ts", "build.mjs", "package-lock.json"]
const BUILT = "dist/clickstream.js"
const SUMS = "SHA256SUMS"

process.chdir(import.meta.dirname)
const built = await bundle()
const size = gzipSync(built, { level: 9 }).length
console.log(`tracker/${BUILT}: ${built.length} bytes, ${size} of at most ${LIMIT} bytes as gzip`)
console.log(`integrity="sha384-${createHash("sha384").update(built).digest("base64")}"`)
if (size > LIMIT) fail(`it is ${size - LIMIT} bytes too large: leave something out of src/clickstream.js`)
if (process.argv.includes("--check")) {
  if (!readFileSync(BUILT).equals(built)) fail("the file in the tree is another one: run `make tracker` and commit it")
} else {
  writeFileSync(BUILT, built)
  writeFileSync(SUMS, [...SOURCES, BUILT].map((file) => `${sha256(file)}  ${file}\n`).join(""))
}

async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [SOURCES[0]],
    bundle: true,
    format: "iife",
    minify: true,
    // Browsers since 2020; newer functions are optional in the source.
    target: "es2021",
    charset: "utf8",
    legalComments: "none",
    banner: { js: "/* clickstream, Apache-2.0 */" },
    write: false,
  })
  return Buffer.from(outputFiles[0].contents)
}

function sha256(file) {
  return createHash("sha256").update(readFileSync(file)).digest("hex")
}

function fail(why) {
  console.error(`tracker: ${why}`)
  process.exit(1)
}
