// Says in one line which Node is needed, before anything fails for a reason that is hard to read.
const needed = [22, 23]
const [major, minor] = process.versions.node.split(".").map(Number)

if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  console.error(
    `UniFlow's repository needs Node ${needed.join(".")} or newer, this is ${process.versions.node}: the optional dependency "node" ` +
      `(Node 24 from the registry) was not installed. Run \`npx pnpm@12.21.0 install --force\`, or put Node 24 on the PATH.`
  )
  process.exit(1)
}
