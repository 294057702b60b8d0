import { describe, expect, it } from "vitest"
import { LiveBlock } from "../src/cli/LiveBlock.ts"
import { Terminal } from "./terminal.ts"

describe("a live block", () => {
  it("is redrawn in place, grows and shrinks, and writes nothing when nothing changed", () => {
    const terminal = new Terminal(40, 10)
    terminal.write("before\n")
    const block = new LiveBlock(terminal)
    expect(terminal.cursorVisible).toBe(false)
    block.draw(["a 1", "b 1"])
    expect(terminal.text).toBe("before\na 1\nb 1")
    block.draw(["a 2", "b 1", "c 1"])
    expect(terminal.text).toBe("before\na 2\nb 1\nc 1")
    const { writes } = terminal
    block.draw(["a 2", "b 1", "c 1"])
    expect(terminal.writes).toBe(writes)
    block.draw(["a 3"])
    expect(terminal.text).toBe("before\na 3")
    block.end(["a 4"])
    terminal.write("after\n")
    expect(terminal.text).toBe("before\na 4\nafter")
    expect(terminal.cursorVisible).toBe(true)
  })

  it("stays below what others print meanwhile, whole lines at a time", () => {
    const terminal = new Terminal(40, 10)
    const block = new LiveBlock(terminal)
    block.draw(["running"])
    const other = terminal as { write: (text: string | Uint8Array, encoding?: unknown, done?: unknown) => boolean }
    other.write("half a ")
    expect(terminal.text).toBe("running")
    other.write("line\nand ")
    expect(terminal.text).toBe("half a line\nrunning")
    other.write(Buffer.from("béta"))
    block.print("a remark")
    expect(terminal.text).toBe("half a line\na remark\nrunning")
    block.end(["done"])
    expect(terminal.text).toBe("half a line\na remark\nand béta\ndone")
    terminal.write("x")
    expect(terminal.text).toBe("half a line\na remark\nand béta\ndone\nx")
  })

  it("of a write's callback nobody waits in vain", async () => {
    const terminal = new Terminal(40, 10)
    const block = new LiveBlock(terminal)
    const other = terminal as { write: (text: string, done?: unknown) => boolean }
    await new Promise((resolve) => other.write("text", resolve))
    block.end()
    expect(terminal.text).toBe("text")
  })

  it("takes all rows back that its lines were wrapped into by a narrower terminal", () => {
    const terminal = new Terminal(40, 10)
    const block = new LiveBlock(terminal)
    block.draw(["0123456789", "b"])
    // What the terminal does when it becomes 4 columns wide.
    terminal.columns = 4
    terminal.lines.splice(0, 1, "0123", "4567", "89")
    Object.assign(terminal, { row: 4 })
    block.draw(["a", "b"])
    expect(terminal.text).toBe("a\nb")
    block.end()
  })
})
