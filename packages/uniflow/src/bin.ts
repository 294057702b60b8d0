#!/usr/bin/env node
// Parsed by whatever Node is there, however old: nothing modern may stand here, and nothing be imported before the check.
/* oxlint-disable no-var */
var needed = [22, 23]
var version = process.versions.node.split(".").map(Number)

if (version[0]! < needed[0]! || (version[0] === needed[0] && version[1]! < needed[1]!)) {
  process.stderr.write(
    "uniflow needs Node " + needed.join(".") + " or newer, and this is Node " + process.versions.node + " (" + process.execPath + "). "
      + "Install a newer one, such as Node 24.\n"
  )
  process.exitCode = 1
} else {
  import("./cli/start.ts").then(function(start) {
    return start.start(process.argv.slice(2))
  }).catch(function(error) {
    process.stderr.write("uniflow could not start: " + (error && error.stack || error) + "\n")
    process.exitCode = 1
  })
}
