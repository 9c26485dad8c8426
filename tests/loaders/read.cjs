// Reads a JSON list of texts on stdin, and writes what dotenv and @next/env make of each of them.
// Run in the folder that holds node_modules.
const fs = require('fs')
const os = require('os')
const path = require('path')
const from = require('module').createRequire(path.join(process.cwd(), 'x.js'))
const dotenv = from('dotenv')
const next = from('@next/env')

const texts = JSON.parse(fs.readFileSync(0, 'utf8'))
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'env-'))

// null if Next leaves the file out.
function readByNext (text) {
  for (const name of Object.keys(process.env)) delete process.env[name]
  fs.writeFileSync(path.join(folder, '.env'), text)
  let failed = false
  const log = { info () {}, error () { failed = true } }
  const { __NEXT_PROCESSED_ENV, ...values } = next.loadEnvConfig(folder, false, log, true).combinedEnv
  return failed ? null : values
}

const read = texts.map(text => ({ dotenv: dotenv.parse(text), next: readByNext(text) }))
fs.rmSync(folder, { recursive: true })
process.stdout.write(JSON.stringify(read))
