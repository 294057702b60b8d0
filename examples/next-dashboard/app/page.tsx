import { learn } from "./actions"

export default function Home() {
  return (
    <main>
      <h1>Digits</h1>
      <form action={learn}>
        <label>
          Learning rate <input name="rate" type="number" step="0.001" defaultValue="0.01" />
        </label>{" "}
        <button>Learn</button>
      </form>
      <p>
        <a href="uniflow/">Experiments</a>
      </p>
    </main>
  )
}
